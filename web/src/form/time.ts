/** A time of day as JSON Schema means it: RFC 3339's, with its offset from UTC. Pure, but for the viewer's zone. */

/** Offsets that some place has. */
const HOURS = [-12, -11, -10, -9.5, -9, -8, -7, -6, -5, -4, -3.5, -3, -2, -1, 1, 2, 3, 3.5, 4, 4.5, 5, 5.5, 5.75, 6, 6.5, 7, 8, 8.75, 9, 9.5, 10, 10.5, 11, 12, 12.75, 13, 14];

export function offsetOf(minutes: number): string {
  if (minutes === 0) return 'Z';
  const size = Math.abs(minutes);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** The viewer's, now. */
export const ownOffset = (): string => offsetOf(-new Date().getTimezoneOffset());

/** To choose from, with the one that is chosen. */
export const offsets = (chosen: string): string[] => {
  const known = ['Z', ...HOURS.map((hours) => offsetOf(hours * 60))];
  return known.includes(chosen) ? known : [...known, chosen];
};

/** "10:00:00+02:00" → its time, as a time field has it, and its offset. */
export function partsOf(value: unknown): { time: string; offset: string | undefined } {
  const [, time = '', offset] = /^(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?$/i.exec(String(value ?? '')) ?? [];
  return { time, offset: offset?.toUpperCase() };
}

/** Time fields leave out seconds that are none. */
export const timeOf = (time: string, offset: string): string => `${time.length === 5 ? `${time}:00` : time}${offset}`;
