/** Several lines, pasted into one item of a list: items of their own. Pure. */
import { isObject, type JsonValue } from '@/api/json';

/** A pasted list: by line, or by cell of a table. */
export const linesOf = (text: string): string[] =>
  text
    .split(/[\r\n\t]+/)
    .map((line) => line.trim())
    .filter(Boolean);

/**
 * What comes in the place of the item that they were pasted into: what is selected in it goes, as with every paste; what
 * else it holds stays an item, before them, or behind them where they were pasted in front of it.
 */
export function withRest(
  lines: readonly string[],
  { value, selectionStart, selectionEnd }: { value: string; selectionStart: number | null; selectionEnd: number | null },
): string[] {
  // Fields for addresses do not tell where in them one is.
  const [start, end] = [selectionStart ?? value.length, selectionEnd ?? value.length];
  const rest = (value.slice(0, start) + value.slice(end)).trim();
  if (rest === '') return [...lines];
  return start === 0 ? [...lines, rest] : [rest, ...lines];
}

/** The value with lines in the list at `path`: in place of the item at `index`, the rest after it. */
export function pasted(value: JsonValue, path: readonly (string | number)[], index: number, lines: string[]): JsonValue {
  const [name, ...rest] = path;
  if (name === undefined) {
    const list = Array.isArray(value) ? value : [];
    return [...list.slice(0, index), ...lines, ...list.slice(index + 1)];
  }
  if (Array.isArray(value)) return value.map((one, at) => (at === Number(name) ? pasted(one, rest, index, lines) : one));
  const object = isObject(value) ? value : {};
  return { ...object, [name]: pasted(object[name] ?? null, rest, index, lines) };
}
