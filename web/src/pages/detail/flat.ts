/**
 * JSON as tables, where it is flat enough for one: a list of objects of plain values, an object of
 * plain values, or an object of these. Pure.
 */
import { isObject, type JsonObject, type JsonValue } from '@/api/json';

export type Plain = string | number | boolean | null;

export interface Section {
  /** The member that it was; none for the whole. */
  title: string | undefined;
  columns: string[];
  rows: (Plain | undefined)[][];
}

/** So wide a table can be read. */
const MOST_COLUMNS = 12;

export function sectionsOf(value: JsonValue): Section[] | undefined {
  const list = listOf(undefined, value);
  if (list) return [list];
  if (!isObject(value)) return undefined;
  const plain: JsonObject = {};
  const sections: Section[] = [];
  for (const [name, member] of Object.entries(value)) {
    if (isPlain(member)) {
      plain[name] = member;
      continue;
    }
    const section = listOf(name, member) ?? (isObject(member) ? pairsOf(name, member) : undefined);
    if (!section) return undefined;
    if (section.rows.length > 0) sections.push(section);
  }
  const pairs = pairsOf(undefined, plain);
  const all = pairs && pairs.rows.length > 0 ? [pairs, ...sections] : sections;
  return all.length > 0 ? all : undefined;
}

/** A list of flat objects, or of plain values. An empty one has no rows. */
function listOf(title: string | undefined, value: JsonValue): Section | undefined {
  if (!Array.isArray(value)) return undefined;
  if (value.length === 0) return { title, columns: [], rows: [] };
  if (value.every(isPlain)) return { title, columns: ['value'], rows: value.map((one) => [one]) };
  if (!value.every(isFlat)) return undefined;
  const columns = [...new Set(value.flatMap((one) => Object.keys(one)))];
  if (columns.length > MOST_COLUMNS) return undefined;
  return { title, columns, rows: value.map((one) => columns.map((column) => one[column])) };
}

function pairsOf(title: string | undefined, value: JsonObject): Section | undefined {
  if (!isFlat(value)) return undefined;
  return { title, columns: ['name', 'value'], rows: Object.entries(value) };
}

function isPlain(value: JsonValue): value is Plain {
  return value === null || typeof value !== 'object';
}

function isFlat(value: JsonValue): value is { [key: string]: Plain } {
  return isObject(value) && Object.values(value).every(isPlain);
}
