import { describe, expect, it } from 'vitest';
import { isRange, rangeAt, RANGES } from './ranges';

const NOW = Date.parse('2026-03-10T12:34:56.789Z');

describe('a range', () => {
  it('begins with a whole step', () => {
    expect(rangeAt('1h', NOW).from).toBe('2026-03-10T11:34:00.000Z');
    expect(rangeAt('24h', NOW).from).toBe('2026-03-09T12:00:00.000Z');
    expect(rangeAt('30d', NOW).from).toBe('2026-02-08T00:00:00.000Z');
  });
  it('has no more steps than the API gives at once', () => {
    for (const { ms, stepMs } of Object.values(RANGES)) expect(ms / stepMs + 1).toBeLessThanOrEqual(500);
  });
  it('has a name that is known', () => {
    expect([isRange('7d'), isRange('9y'), isRange(null), isRange('toString')]).toEqual([true, false, false, false]);
  });
});
