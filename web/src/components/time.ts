/** Instants and spans in words, in the viewer's zone and language. Pure, but for the zone. */

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'short' });
const exact = new Intl.DateTimeFormat(undefined, {
  dateStyle: 'medium',
  timeStyle: 'long',
});
const ofDay = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const short = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' });

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "5 min. ago". Seconds are "just now", for a clock that ticks in a list is noise. */
export function relativeTo(instant: string, now: number): string {
  const span = Date.parse(instant) - now;
  const size = Math.abs(span);
  if (size < 45 * SECOND) return 'just now';
  if (size < HOUR) return relative.format(Math.round(span / MINUTE), 'minute');
  if (size < DAY) return relative.format(Math.round(span / HOUR), 'hour');
  if (size < 30 * DAY) return relative.format(Math.round(span / DAY), 'day');
  return short.format(Date.parse(instant));
}

export function exactly(instant: string): string {
  return exact.format(Date.parse(instant));
}

/** "14:05:09", where the day is clear. */
export function clock(instant: string): string {
  return ofDay.format(Date.parse(instant));
}

/** "850 ms", "4.2 s", "3 m 05 s", "2 h 10 m". */
export function span(ms: number): string {
  if (ms < 0) return span(0);
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < 10 * SECOND) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  const two = (n: number) => String(n).padStart(2, '0');
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} m ${two(Math.floor((ms % MINUTE) / SECOND))} s`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ${two(Math.floor((ms % HOUR) / MINUTE))} m`;
  return `${Math.floor(ms / DAY)} d ${two(Math.floor((ms % DAY) / HOUR))} h`;
}

const number = new Intl.NumberFormat();
/** "10,000", or "10,000+" where counting stopped before the end. */
export const count = (value: number, isExact = true): string => `${number.format(value)}${isExact ? '' : '+'}`;

const UNITS = ['B', 'KB', 'MB', 'GB'];
/** "1.4 MB", by thousands, as files are sold. */
export function bytes(size: number): string {
  let value = size;
  let unit = 0;
  while (value >= 1_000 && unit < UNITS.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** Millionths of a US dollar. */
export function cost(microUsd: number): string {
  const usd = microUsd / 1_000_000;
  return `$${usd.toFixed(usd !== 0 && usd < 0.1 ? 4 : 2)}`;
}
