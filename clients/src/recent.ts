// Changes of lists that came lately, for pages that were on their way meanwhile: such a page may have been read before
// the change that is here already, and the stream will not tell it again. For caches whose lists are filled by queries
// that the glue does not see coming. Never outlives the list's stream: what happened after that had ended is told by
// nobody, so a page that is read later knows better.

import { withRecent } from './paged-list.ts';
import { listKey } from './same-arguments.ts';
import type { Change, Row, Streams } from './types.ts';

/** A page is on its way for so long at most: one of executions takes milliseconds, and nobody waits longer. */
const ON_ITS_WAY_MS = 10_000;

type Arguments = Readonly<Record<string, unknown>> | null | undefined;

interface Held {
  readonly changes: ReadonlyMap<string, Change<Row>>;
  /** When each came. */
  readonly times: Map<string, number>;
}

/** The changes of all lists of one cache. */
export class Recent {
  readonly #now: () => number;
  readonly #lists = new Map<string, Held>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Changes that the stream with these arguments told. */
  add(args: Arguments, changes: readonly Change<Row>[]): void {
    const list = listKey(args);
    const held = this.#lists.get(list);
    const all = withRecent(held?.changes ?? new Map(), changes);
    const times = held?.times ?? new Map<string, number>();
    const at = this.#now();
    for (const change of changes) times.set(idOf(change), at);
    for (const id of times.keys()) if (!all.has(id)) times.delete(id);
    this.#lists.set(list, { changes: all, times });
  }

  /** Those that a page which arrives now may have been read before; none, for good, when no stream follows its list. */
  changes(args: Arguments, streams: Streams): Change<Row>[] {
    const list = listKey(args);
    if (!streams.isFollowing('executionsChanged', (followed) => listKey(followed) === list)) this.#lists.delete(list);
    const held = this.#lists.get(list);
    const since = this.#now() - ON_ITS_WAY_MS;
    return [...(held?.changes.values() ?? [])].filter((change) => (held?.times.get(idOf(change)) ?? 0) >= since);
  }

  forget(args: Arguments): void {
    this.#lists.delete(listKey(args));
  }
}

const idOf = (change: Change<Row>) => ('edge' in change ? change.edge.node.id : change.executionId);
