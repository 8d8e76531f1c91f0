/** The spans that the overview looks back over, and how finely. Pure. */
import { isSpan, sinceOf, type Span, SPANS } from '@/executions/spans';
import type { StatsInterval } from '@/gql/graphql';

/** Those of the history's filter, so that a picture can lead to its rows. */
export type RangeName = Span;
export const isRange = isSpan;

export const RANGES: Readonly<Record<RangeName, { label: string; words: string; interval: StatsInterval }>> = {
  '1h': { label: 'Hour', words: 'in the last hour', interval: SPANS['1h'].step },
  '24h': { label: 'Day', words: 'in the last 24 hours', interval: SPANS['24h'].step },
  '7d': { label: 'Week', words: 'in the last 7 days', interval: SPANS['7d'].step },
  '30d': { label: 'Month', words: 'in the last 30 days', interval: SPANS['30d'].step },
};

/** To now, from a whole step on. */
export const rangeAt = (name: RangeName, now: number): { from: string } => ({ from: sinceOf(name, now) });

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
