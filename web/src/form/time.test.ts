import { expect, test } from 'vitest';
import { offsetOf, offsets, partsOf, timeOf } from './time';

test('a time has its offset, as RFC 3339 has it', () => {
  expect(timeOf('10:00', 'Z')).toBe('10:00:00Z');
  expect(timeOf('10:00:05', offsetOf(120))).toBe('10:00:05+02:00');
  expect([offsetOf(0), offsetOf(-210), offsetOf(345)]).toEqual(['Z', '-03:30', '+05:45']);
});

test('it is taken apart again, also where the offset is missing', () => {
  expect(partsOf('10:00:00+05:30')).toEqual({ time: '10:00:00', offset: '+05:30' });
  expect(partsOf('10:00:00z')).toEqual({ time: '10:00:00', offset: 'Z' });
  expect(partsOf('10:00')).toEqual({ time: '10:00', offset: undefined });
  expect([partsOf(undefined), partsOf('soon')]).toEqual(Array(2).fill({ time: '', offset: undefined }));
  expect(offsets('+05:30').filter((one) => one === '+05:30')).toHaveLength(1);
  expect(offsets('+00:20')).toContain('+00:20');
});
