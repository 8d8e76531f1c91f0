/** Which members of documents become columns: those that most of a page's documents have, flat values first. Pure. */
import { isObject, type JsonValue } from '@/api/json';

const MOST = 6;

export function columnsOf(documents: readonly JsonValue[]): string[] {
  const counts = new Map<string, { seen: number; flat: number }>();
  for (const document of documents) {
    if (!isObject(document)) continue;
    for (const [name, value] of Object.entries(document)) {
      const known = counts.get(name) ?? { seen: 0, flat: 0 };
      known.seen += 1;
      if (typeof value !== 'object' || value === null) known.flat += 1;
      counts.set(name, known);
    }
  }
  return [...counts]
    .map(([name, { seen, flat }], place) => ({ name, place, score: flat * 2 + seen }))
    .sort((one, other) => other.score - one.score || one.place - other.place)
    .slice(0, MOST)
    .map(({ name }) => name);
}

/** A value in a cell. */
export function cell(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
