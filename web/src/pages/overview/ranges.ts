/** The spans that the overview looks back over, and how finely. Pure. */
import type { StatsInterval } from '@/gql/graphql';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** The names are those of the history's filter, so that a picture can lead to its rows. */
export const RANGES = {
  '1h': { label: 'Hour', words: 'in the last hour', ms: HOUR, interval: 'MINUTE', stepMs: 60_000 },
  '24h': { label: 'Day', words: 'in the last 24 hours', ms: DAY, interval: 'HOUR', stepMs: HOUR },
  '7d': { label: 'Week', words: 'in the last 7 days', ms: 7 * DAY, interval: 'HOUR', stepMs: HOUR },
  '30d': { label: 'Month', words: 'in the last 30 days', ms: 30 * DAY, interval: 'DAY', stepMs: DAY },
} as const satisfies Record<string, { label: string; words: string; ms: number; interval: StatsInterval; stepMs: number }>;
export type RangeName = keyof typeof RANGES;

export const isRange = (value: string | null): value is RangeName => value !== null && Object.hasOwn(RANGES, value);

/** From a whole step on, so that the first bar is not a part of one; to now. */
export function rangeAt(name: RangeName, now: number): { from: string } {
  const { ms, stepMs } = RANGES[name];
  return { from: new Date(Math.floor((now - ms) / stepMs) * stepMs).toISOString() };
}

/** How a step is called below the axis, in the viewer's zone. */
export function stepLabel(name: RangeName, from: string): string {
  const options: Record<RangeName, Intl.DateTimeFormatOptions> = {
    '1h': { hour: '2-digit', minute: '2-digit' },
    '24h': { hour: '2-digit', minute: '2-digit' },
    '7d': { weekday: 'short', hour: '2-digit' },
    '30d': { day: 'numeric', month: 'short' },
  };
  return new Intl.DateTimeFormat(undefined, options[name]).format(Date.parse(from));
}

/** The whole of a step, for whoever looks closely. */
export function stepTitle(name: RangeName, from: string, to: string): string {
  const day = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short' });
  if (name === '30d') return day.format(Date.parse(from));
  const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
  return `${day.format(Date.parse(from))}, ${time.format(Date.parse(from))} – ${time.format(Date.parse(to))}`;
}
