/**
 * What the server found wrong with an input, put where it belongs in the form: by JSON pointer
 * and, for members that are missing or too many, by property. Pure, but for `fieldOf`.
 */
import type { ErrorSchema } from '@rjsf/utils';
import { isObject, type JsonObject, type JsonValue } from '@/api/json';

/** Ids of the form's controls begin like this: one form is drawn at a time. */
export const ID_PREFIX = 'input';

export interface Issue {
  pointer: string;
  property: string | null;
  keyword: string;
  message: string;
}

/** "/urls/0" → ["urls", "0"] (RFC 6901). */
export function segments(pointer: string): string[] {
  if (pointer === '') return [];
  return pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** Where the field is that an issue means. */
export function placeOf(issue: Issue): string[] {
  const place = segments(issue.pointer);
  return issue.property === null ? place : [...place, issue.property];
}

/** For the form: each issue at its field, those of the whole at the root. */
export function errorSchema(issues: readonly Issue[]): ErrorSchema<unknown> {
  const root: Tree = {};
  for (const issue of issues) {
    let at = root;
    for (const part of placeOf(issue)) {
      // No prototype, so that a property called __proto__ is one like others.
      at.members ??= new Map();
      let next = at.members.get(part);
      if (!next) at.members.set(part, (next = {}));
      at = next;
    }
    (at.errors ??= []).push(issue.message);
  }
  return plain(root);
}

interface Tree {
  errors?: string[];
  members?: Map<string, Tree>;
}

function plain(tree: Tree): ErrorSchema<unknown> {
  const members = [...(tree.members ?? [])].map(([name, one]) => [name, plain(one)] as const);
  return { ...Object.fromEntries(members), ...(tree.errors ? { __errors: tree.errors } : {}) } as ErrorSchema<unknown>;
}

/** The issues that an edit has not touched: what was changed is judged anew at the next launch. */
export function standing(issues: readonly Issue[], before: JsonValue, after: JsonValue): readonly Issue[] {
  const left = issues.filter((issue) => {
    const place = placeOf(issue);
    return JSON.stringify(at(before, place)) === JSON.stringify(at(after, place));
  });
  return left.length === issues.length ? issues : left;
}

function at(value: JsonValue | undefined, place: readonly string[]): JsonValue | undefined {
  let found = value;
  for (const part of place) {
    if (Array.isArray(found)) found = found[Number(part)];
    else if (isObject(found) && Object.hasOwn(found, part)) found = found[part];
    else return undefined;
  }
  return found;
}

/** "Pages › 1": by the titles that the schema gives, and counted from one, as people do. */
export function placeWords(issue: Issue, schema?: JsonValue): string {
  const words: string[] = [];
  let here = schema;
  for (const part of placeOf(issue)) {
    const parent = resolved(here, schema);
    const isIndex = /^\d+$/.test(part);
    here = isIndex ? parent.items : isObject(parent.properties) ? parent.properties[part] : undefined;
    const title = isObject(here) && typeof here.title === 'string' ? here.title : resolved(here, schema).title;
    words.push(isIndex ? String(Number(part) + 1) : typeof title === 'string' ? title : part);
  }
  return words.join(' › ');
}

/** A part of a schema, or what its reference inside the schema points at. */
export function resolved(part: JsonValue | undefined, root: JsonValue | undefined): JsonObject {
  const found = isObject(part) && typeof part.$ref === 'string' && part.$ref.startsWith('#') ? at(root, segments(part.$ref.slice(1))) : part;
  return isObject(found) ? found : {};
}

/** The control that an issue means, or the nearest around it that takes the focus. */
export function fieldOf(issue: Issue): HTMLElement | null {
  const place = placeOf(issue);
  for (let length = place.length; length > 0; length -= 1) {
    const id = [ID_PREFIX, ...place.slice(0, length)].join('_');
    const add = document.getElementById(`${id}__add`);
    const field = document.getElementById(id);
    // A list that misses items is put right by its button.
    if (length === place.length && add) return add;
    if (field) return field;
  }
  return null;
}
