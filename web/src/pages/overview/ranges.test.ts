import { describe, expect, it } from 'vitest';
import { SPANS } from '@/executions/spans';
import { RANGES } from './ranges';

const HOURS = { MINUTE: 1 / 60, HOUR: 1, DAY: 24 } as const;

describe('a range', () => {
  it('has no more steps than the API gives at once', () => {
    for (const { hours, step } of Object.values(SPANS)) expect(hours / HOURS[step] + 1).toBeLessThanOrEqual(500);
    expect(Object.keys(RANGES)).toEqual(Object.keys(SPANS));
  });
});
