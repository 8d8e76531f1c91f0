// Changes of lists that came lately, for pages that were on their way meanwhile: such a page may have been read before
// the change that is here already, and the stream will not tell it again. For caches whose lists are filled by queries
// that the glue does not see coming.

import { withRecent } from './paged-list.ts';
import type { Change, Row } from './types.ts';

/** A page is on its way for so long at most: one of executions takes milliseconds, and nobody waits longer. Not more,
 * for once nobody listens these changes grow old untold. */
const ON_ITS_WAY_MS = 10_000;

/** The changes of one list. */
export class Recent {
  readonly #now: () => number;
  #changes: ReadonlyMap<string, Change<Row>> = new Map();
  readonly #times = new Map<string, number>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  add(changes: readonly Change<Row>[]): void {
    this.#changes = withRecent(this.#changes, changes);
    const at = this.#now();
    for (const change of changes) this.#times.set(idOf(change), at);
    for (const id of this.#times.keys()) if (!this.#changes.has(id)) this.#times.delete(id);
  }

  /** Those that a page which arrives now may have been read before. */
  get changes(): Change<Row>[] {
    const since = this.#now() - ON_ITS_WAY_MS;
    return [...this.#changes.values()].filter((change) => (this.#times.get(idOf(change)) ?? 0) >= since);
  }
}

const idOf = (change: Change<Row>) => ('edge' in change ? change.edge.node.id : change.executionId);
