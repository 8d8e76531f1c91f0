import { afterEach, describe, expect, test, vi } from 'vitest';
import { filterInput, NO_FILTERS } from '@/pages/history/filters';
import { rangeAt } from '@/pages/overview/ranges';
import { isSpan, sinceOf, type Span, SPANS } from './spans';

const NOW = Date.parse('2026-03-10T12:34:56.789Z');
const NAMES = Object.keys(SPANS) as Span[];
afterEach(() => vi.unstubAllEnvs());

describe.each([
  ['UTC', '2026-03-09T12:00:00.000Z', '2026-02-08T00:00:00.000Z'],
  // Its hours begin at half past, and its days at 18:30.
  ['Asia/Kolkata', '2026-03-09T12:30:00.000Z', '2026-02-07T18:30:00.000Z'],
  ['Asia/Kathmandu', '2026-03-09T12:15:00.000Z', '2026-02-07T18:15:00.000Z'],
  ['America/New_York', '2026-03-09T12:00:00.000Z', '2026-02-08T05:00:00.000Z'],
])('in %s', (zone, hour, day) => {
  test('a span begins with a whole step of the viewer', () => {
    vi.stubEnv('TZ', zone);
    expect(sinceOf('1h', NOW)).toBe('2026-03-10T11:34:00.000Z');
    expect(sinceOf('24h', NOW)).toBe(hour);
    expect(sinceOf('30d', NOW)).toBe(day);
  });

  test('a figure is of the rows that it leads to', () => {
    vi.stubEnv('TZ', zone);
    const rows = (span: Span) => filterInput({ ...NO_FILTERS, span }, 'set_1', NOW).createdAt?.from;
    expect(NAMES.map((span) => rangeAt(span, NOW).from)).toEqual(NAMES.map(rows));
  });
});

test('a span has a name that is known', () => {
  expect([isSpan('7d'), isSpan('9y'), isSpan(null), isSpan('toString')]).toEqual([true, false, false, false]);
});
