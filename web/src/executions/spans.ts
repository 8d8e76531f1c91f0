/**
 * The spans that lists and figures look back over. Both begin at the same instant, so that a figure leads to as many
 * rows: with a whole minute, hour or day in the viewer's zone, where a first bar is not a part of one. Pure, but for the
 * zone.
 */
import type { StatsInterval } from '@/gql/graphql';

/** By what stands in addresses: how many hours, from which whole step on. */
export const SPANS = {
  '1h': { hours: 1, step: 'MINUTE' },
  '24h': { hours: 24, step: 'HOUR' },
  '7d': { hours: 7 * 24, step: 'HOUR' },
  '30d': { hours: 30 * 24, step: 'DAY' },
} as const satisfies Record<string, { hours: number; step: StatsInterval }>;
export type Span = keyof typeof SPANS;

export const isSpan = (value: string | null): value is Span => value !== null && Object.hasOwn(SPANS, value);

/** When a span begins that ends now. */
export function sinceOf(span: Span, now: number): string {
  const { hours, step } = SPANS[span];
  const since = new Date(now - hours * 3_600_000);
  // Not by division: zones have half hours, and days that are longer or shorter.
  if (step === 'MINUTE') since.setSeconds(0, 0);
  else if (step === 'HOUR') since.setMinutes(0, 0, 0);
  else since.setHours(0, 0, 0, 0);
  return since.toISOString();
}
