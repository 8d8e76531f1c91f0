import { expect, test } from 'vitest';
import { fieldOf, seconds } from './aside';

test('seconds are as a number field writes them, and whole', () => {
  expect(seconds('', 100)).toEqual({});
  expect(seconds('90', 100)).toEqual({ value: 90 });
  expect(seconds('1e3', 2_000)).toEqual({ value: 1_000 });
  for (const wrong of ['0', '-5', '1.5', 'soon']) expect(seconds(wrong, 100).error).toMatch(/Whole seconds/);
  expect(seconds('101', 100).error).toBe('100 seconds at most.');
});

test('a refusal is on the field that its path names', () => {
  expect(fieldOf({ path: ['input', 'labels', '0'] })).toBe('labels');
  expect(fieldOf({ path: ['input', 'ttlSeconds'] })).toBe('ttlSeconds');
  expect(fieldOf({ path: ['input', 'agentId'] })).toBeUndefined();
  expect(fieldOf({ path: null })).toBeUndefined();
});
