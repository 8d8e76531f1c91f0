import { describe, expect, it } from 'vitest';
import { labelEvery, ticks, timeTicks, wholeTicks } from './scale';

describe('ticks', () => {
  it('are round and reach the greatest value', () => {
    expect(ticks(97)).toEqual([0, 25, 50, 75, 100]);
    expect(ticks(4)).toEqual([0, 1, 2, 3, 4]);
    expect(ticks(1_234)).toEqual([0, 500, 1_000, 1_500]);
    expect(ticks(0.3)).toEqual([0, 0.1, 0.2, 0.3]);
  });
  it('are whole where half a thing makes no sense', () => {
    expect(wholeTicks(2)).toEqual([0, 1, 2]);
    expect(wholeTicks(1)).toEqual([0, 1]);
    expect(wholeTicks(9)).toEqual([0, 3, 6, 9]);
  });
  it('stand also where there is nothing to show', () => {
    expect(ticks(0)).toEqual([0, 1]);
    expect(timeTicks(0)).toEqual([0, 1_000]);
  });
  it('of time are steps of a clock', () => {
    expect(timeTicks(50_000)).toEqual([0, 15_000, 30_000, 45_000, 60_000]);
    expect(timeTicks(3 * 3_600_000)).toEqual([0, 3_600_000, 7_200_000, 10_800_000]);
    expect(timeTicks(900)).toEqual([0, 500, 1_000]);
  });
});

describe('labels', () => {
  it('leave out what would overlap', () => {
    expect(labelEvery(24, 50, 600)).toBe(2);
    expect(labelEvery(3, 50, 600)).toBe(1);
    expect(labelEvery(10, 50, 20)).toBe(10);
  });
});
