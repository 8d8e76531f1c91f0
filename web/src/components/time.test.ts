import { describe, expect, test } from 'vitest';
import { bytes, cost, count, relativeTo, span } from './time';

describe('spans', () => {
  test.each([
    [0, '0 ms'],
    [-5, '0 ms'],
    [850, '850 ms'],
    [4_249, '4.2 s'],
    [9_999, '9.9 s'],
    [59_999, '59 s'],
    [185_000, '3 m 05 s'],
    [7_800_000, '2 h 10 m'],
    [90_000_000, '1 d 01 h'],
  ])('%d ms reads %s', (ms, words) => expect(span(ms)).toBe(words));
});

test('an instant of the last moments is just now, and one of the future is in words too', () => {
  const now = Date.parse('2026-01-01T12:00:00.000Z');
  expect(relativeTo('2026-01-01T11:59:30.000Z', now)).toBe('just now');
  expect(relativeTo('2026-01-01T11:55:00.000Z', now)).toMatch(/5 min/);
  expect(relativeTo('2026-01-01T14:00:00.000Z', now)).toMatch(/in 2/);
});

test('sizes go by thousands', () => {
  expect([999, 1_000, 1_440_000, 250_000_000].map(bytes)).toEqual(['999 B', '1.0 KB', '1.4 MB', '250 MB']);
});

test('small costs keep their digits', () => {
  expect([0, 1_200, 2_500_000].map(cost)).toEqual(['$0.00', '$0.0012', '$2.50']);
});

test('a count that stopped before the end says that there may be more', () => {
  expect([count(7), count(7, true), count(7, false)]).toEqual(['7', '7', '7+']);
});
