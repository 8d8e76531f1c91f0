/** Axes: where the ticks stand and what they say. Pure, so that it can be tested without a page. */

/** Round steps from 0 to at least `max`, about four of them. */
export function ticks(max: number): number[] {
  return rounded(max, false);
}

/** The same for things that come whole. */
export function wholeTicks(max: number): number[] {
  return rounded(max, true);
}

const ABOUT = 4;

function rounded(max: number, whole: boolean): number[] {
  if (!(max > 0)) return [0, 1];
  const rough = max / ABOUT;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  // The least round step that is not smaller; 0.999 for what arithmetic leaves behind.
  const factor = [1, 2, 2.5, 5].find((one) => one * magnitude >= rough * 0.999) ?? 10;
  const step = whole ? Math.max(1, Math.ceil(factor * magnitude)) : factor * magnitude;
  const count = Math.max(1, Math.ceil(max / step - 1e-9));
  return Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND,
  MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 6 * HOUR, 12 * HOUR, DAY,
];

/** Steps of a clock from 0 to at least `maxMs`: 15 s, 5 min, 2 h. */
export function timeTicks(maxMs: number): number[] {
  if (!(maxMs > 0)) return [0, SECOND];
  const step = STEPS.find((one) => one * ABOUT >= maxMs) ?? DAY * Math.ceil(maxMs / ABOUT / DAY);
  return Array.from({ length: Math.ceil(maxMs / step) + 1 }, (_, index) => index * step);
}

/** Every how manieth of `count` labels of `labelPx` fits into `widthPx`. */
export function labelEvery(count: number, labelPx: number, widthPx: number): number {
  const fitting = Math.max(1, Math.floor(widthPx / labelPx));
  return Math.max(1, Math.ceil(count / fitting));
}

const compactNumber = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });

/** 950, 1.2K, 3.4M. */
export const compact = (value: number): string => compactNumber.format(value);
