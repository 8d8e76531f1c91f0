import { expect, test } from 'vitest';
import { FACETS, occurrences } from './facets';

const listed = [
  { value: 'a', count: 3 },
  { value: 'b', count: 1 },
];
const of = (value: string) => (one: (typeof listed)[number]) => one.value === value;

test('what was counted has its count, and what was not found in all of it has none', () => {
  expect(occurrences(listed, true, of('a'))).toBe(3);
  expect(occurrences(listed, true, of('z'))).toBe(0);
});

test('that something does not occur is not said where not all was counted or listed', () => {
  expect(occurrences(undefined, true, of('a'))).toBeUndefined();
  expect(occurrences(listed, false, of('a'))).toBe(3);
  expect(occurrences(listed, false, of('z'))).toBeUndefined();
  const full = Array.from({ length: FACETS }, (_, place) => ({ value: `v${place}`, count: 1 }));
  expect(occurrences(full, true, of('z'))).toBeUndefined();
});
