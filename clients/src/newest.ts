// Newest wins: of two copies of an execution the one with the greater `revision` is kept, whatever order the answers
// came in. Caches write what comes last; a slow query would set a finished execution back to running. So results go
// through `Newest` before they reach a cache: what is older in them is replaced by what is known to be newer.
//
// Select `__typename`, `id` and `revision` on executions (caches add the first by themselves). What the document selects
// comes with each result: it tells fields from their aliases, and objects of the schema from the JSON of users. Such JSON
// (an input, a result, a record, what a tool was given) is a value like a number: nothing in it is looked at, for it may
// say of itself that it is an execution. Never puts half a value in the place of a whole one: it says that the answer is
// to be asked for again. Knows nothing of any cache.

import type { Result } from './types.ts';

/** Of how many executions the newest copy is remembered. */
const REMEMBERED = 5_000;

type Json = Readonly<Record<string, unknown>>;

interface Copy {
  readonly revision: number;
  readonly fields: Map<string, unknown>;
}

/** What a document selects of an object, by the names in its answer. */
export type Selection = ReadonlyMap<string, Selected>;

export interface Selected {
  /** What identifies the field; null where one name stands for several fields, or for one with arguments. */
  readonly key: string | null;
  /** In objects of which types it is there without a condition; null for all. */
  readonly on: ReadonlySet<string | null>;
  /** What is selected of its value; empty for a scalar, JSON among them. */
  readonly within: Selection;
}

/** A result, with what it lacks. */
export interface Brought<R> {
  readonly result: R;
  /** Executions, each as id and revision, of which more was selected than is known of the newer copy: what is not known
   * stays as it came. The same operation, asked again, brings it. */
  readonly lacks: ReadonlySet<string>;
}

/** Remembers the newest copy of each execution, and puts it in the place of older ones. One for each cache. */
export class Newest {
  readonly #copies = new Map<string, Copy>();
  readonly #remembered: number;

  constructor(remembered = REMEMBERED) {
    this.#remembered = remembered;
  }

  /** The same result, with every execution at least as new as any that came through here. A result that is not
   * behind is returned itself. */
  result<R extends Result<unknown>>(result: R, selection: Selection): R {
    return this.bring(result, selection).result;
  }

  /** The same, and what it could not do. */
  bring<R extends Result<unknown>>(result: R, selection: Selection): Brought<R> {
    const lacks = new Set<string>();
    if (result.data == null) return { result, lacks };
    const data = this.#walk(result.data, selection, lacks);
    return { result: data === result.data ? result : { ...result, data }, lacks };
  }

  /** Forgets everything: the viewer is another one now. */
  clear(): void {
    this.#copies.clear();
  }

  #walk(value: unknown, selection: Selection, lacks: Set<string>): unknown {
    if (Array.isArray(value)) {
      const walked = value.map((item) => this.#walk(item, selection, lacks));
      return walked.every((item, at) => item === value[at]) ? value : walked;
    }
    if (!isObject(value)) return value;
    let changed = false;
    const walked: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(value)) {
      const within = selection.get(name)?.within;
      walked[name] = isScalar(within) ? field : this.#walk(field, within, lacks);
      changed ||= walked[name] !== field;
    }
    const known = changed ? walked : value;
    return isExecution(known) ? this.#execution(known, selection, lacks) : known;
  }

  #execution(
    incoming: Json & { id: string; revision: number },
    selection: Selection,
    lacks: Set<string>,
  ): Json {
    const { id, revision } = incoming;
    const held = this.#copies.get(id);
    if (held !== undefined && held.revision > revision) {
      let changed = false;
      const lack = () => void lacks.add(`${id} ${held.revision}`);
      const overlaid: Record<string, unknown> = {};
      for (const [name, field] of Object.entries(incoming)) {
        const { key, within } = selection.get(name) ?? UNSELECTED;
        const isKnown = key != null && !OF_THE_ANSWER.has(key) && held.fields.has(key);
        overlaid[name] = isKnown ? overlay(field, held.fields.get(key), within, lack) : field;
        changed ||= overlaid[name] !== field;
      }
      return changed ? overlaid : incoming;
    }
    const isNewer = held === undefined || revision > held.revision;
    const fields = isNewer ? new Map<string, unknown>() : held.fields;
    for (const [name, field] of Object.entries(incoming)) {
      const { key, within } = selection.get(name) ?? UNSELECTED;
      if (key == null || OF_THE_ANSWER.has(key)) continue;
      if (isScalar(within)) fields.set(key, field);
      else if (!isEntityOrList(field)) fields.set(key, overlayIfBoth(fields.get(key), field));
    }
    // Moved to the end: the least recently seen is forgotten first.
    this.#copies.delete(id);
    this.#copies.set(id, { revision, fields });
    if (this.#copies.size > this.#remembered) {
      const [oldest] = this.#copies.keys();
      if (oldest !== undefined) this.#copies.delete(oldest);
    }
    return incoming;
  }
}

/** Whether all of it is known. `Set.isSubsetOf` is younger than the browsers that we serve. */
export const isSubset = (some: ReadonlySet<string>, all: ReadonlySet<string> | undefined): boolean =>
  [...some].every((one) => all?.has(one) === true);

/** What the document does not name is nobody's: it stays as it came. */
const UNSELECTED: Selected = { key: null, on: new Set(), within: new Map() };

const isScalar = (within: Selection | undefined): within is undefined => within === undefined || within.size === 0;

/** Belongs to the answer that carried it, not to the execution. */
const OF_THE_ANSWER = new Set(['streamCursor']);

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isExecution = (value: Json): value is Json & { id: string; revision: number } =>
  value['__typename'] === 'Execution' && typeof value['id'] === 'string' && typeof value['revision'] === 'number';

/** Other entities (its agent, its conversation) and connections change without its revision. */
const isEntityOrList = (value: unknown) =>
  isObject(value) && (typeof value['id'] === 'string' || 'pageInfo' in value);

/** The newer value, in the shape of what was selected: of an object only the fields that the answer has, and those
 * that nobody selected when the newer copy came stay as they are. Null and lists have no shape: of what the newer copy
 * has there all must be known that was selected. A scalar is replaced whole. */
function overlay(older: unknown, newer: unknown, within: Selection | undefined, lack: () => void): unknown {
  if (isScalar(within)) return newer;
  if (isObject(older) && isObject(newer)) {
    return Object.fromEntries(
      Object.entries(older).map(([name, field]) => [
        name,
        name in newer ? overlay(field, newer[name], within.get(name)?.within, lack) : field,
      ]),
    );
  }
  if (isWhole(newer, within)) return newer;
  lack();
  return older;
}

/** Whether a value has all that was selected. */
function isWhole(value: unknown, within: Selection): boolean {
  if (Array.isArray(value)) return value.every((item) => isWhole(item, within));
  if (!isObject(value)) return true;
  return [...within].every(([name, { on, within }]) => {
    const isSelected = on.has(null) || on.has(String(value['__typename']));
    return !isSelected || (name in value && isWhole(value[name], within));
  });
}

/** Two selections of the same object at the same revision, put together. */
const overlayIfBoth = (known: unknown, field: unknown) =>
  isObject(known) && isObject(field) ? { ...known, ...field } : field;
