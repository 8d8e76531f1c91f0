// Newest wins: of two copies of an execution the one with the greater `revision` is kept, whatever order the answers
// came in. Caches write what comes last; a slow query would set a finished execution back to running. So results go
// through `Newest` before they reach a cache: what is older in them is replaced by what is known to be newer.
//
// Select `__typename`, `id` and `revision` on executions (caches add the first by themselves). Fields are told apart
// by their names in the answer: pass the document's aliases where it has any. Knows nothing of any cache.

import type { Result } from './types.ts';

/** Of how many executions the newest copy is remembered. */
const REMEMBERED = 5_000;

type Json = Readonly<Record<string, unknown>>;

interface Copy {
  readonly revision: number;
  readonly fields: Map<string, unknown>;
}

/** From a field's name in the answer to what identifies it; without an entry the name itself does. */
export type Aliases = ReadonlyMap<string, string | null>;

/** Remembers the newest copy of each execution, and puts it in the place of older ones. One for each cache. */
export class Newest {
  readonly #copies = new Map<string, Copy>();
  readonly #remembered: number;

  constructor(remembered = REMEMBERED) {
    this.#remembered = remembered;
  }

  /** The same result, with every execution at least as new as any that came through here. A result that is not
   * behind is returned itself. */
  result<R extends Result<unknown>>(result: R, aliases?: Aliases): R {
    if (result.data == null) return result;
    const data = this.#walk(result.data, aliases);
    return data === result.data ? result : { ...result, data };
  }

  /** Forgets everything: the viewer is another one now. */
  clear(): void {
    this.#copies.clear();
  }

  #walk(value: unknown, aliases: Aliases | undefined): unknown {
    if (Array.isArray(value)) {
      const walked = value.map((item) => this.#walk(item, aliases));
      return walked.every((item, at) => item === value[at]) ? value : walked;
    }
    if (!isObject(value)) return value;
    let changed = false;
    const walked: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(value)) {
      // JSON of users is no GraphQL object: it has no __typename of its own kind, so nothing in it is an execution
      // unless it lies outright.
      walked[name] = this.#walk(field, aliases);
      changed ||= walked[name] !== field;
    }
    const known = changed ? walked : value;
    return isExecution(known) ? this.#execution(known, aliases) : known;
  }

  #execution(incoming: Json & { id: string; revision: number }, aliases: Aliases | undefined): Json {
    const { id, revision } = incoming;
    const held = this.#copies.get(id);
    const keyOf = (name: string) => (aliases?.has(name) ? aliases.get(name) : name);
    if (held !== undefined && held.revision > revision) {
      let changed = false;
      const overlaid: Record<string, unknown> = {};
      for (const [name, field] of Object.entries(incoming)) {
        const key = keyOf(name);
        const isKnown = key != null && !OF_THE_ANSWER.has(key) && held.fields.has(key);
        overlaid[name] = isKnown ? overlay(field, held.fields.get(key)) : field;
        changed ||= overlaid[name] !== field;
      }
      return changed ? overlaid : incoming;
    }
    const isNewer = held === undefined || revision > held.revision;
    const fields = isNewer ? new Map<string, unknown>() : held.fields;
    for (const [name, field] of Object.entries(incoming)) {
      const key = keyOf(name);
      if (key != null && !OF_THE_ANSWER.has(key) && !isEntityOrList(field)) {
        fields.set(key, overlayIfBoth(fields.get(key), field));
      }
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
 * that nobody selected when the newer copy came stay as they are. */
function overlay(older: unknown, newer: unknown): unknown {
  if (!isObject(older) || !isObject(newer) || newer['__typename'] === undefined) return newer;
  return Object.fromEntries(
    Object.entries(older).map(([name, field]) => [name, name in newer ? overlay(field, newer[name]) : field]),
  );
}

/** Two selections of the same object at the same revision, put together. */
const overlayIfBoth = (known: unknown, field: unknown) =>
  isObject(known) && isObject(field) && field['__typename'] !== undefined ? { ...known, ...field } : field;
