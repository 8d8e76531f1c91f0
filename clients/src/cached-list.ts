// What a frame does to a list in a normalized cache. There the rows are shared: when the frame arrives the cache holds
// their new values already, so the old place of a row is not known from them, but the cursor of its edge tells whether
// it moved. The caches of `apollo.ts` and `urql.ts` call this; a list of its own is `paged-list.ts`.

import { comparePlaces, placeOf } from './order.ts';
import type { Change, Edge, Order, PageInfo, Row } from './types.ts';

/** The rows after a frame; the same array when no row came, went or moved. `make` turns an edge of the frame into the
 * cache's form. */
export function placeRows<Held extends Edge<Row>>(
  held: readonly Held[],
  changes: readonly Change<Row>[],
  order: Order,
  page: Pick<PageInfo, 'hasNextPage' | 'hasPreviousPage'>,
  make: (edge: Edge<Row>) => Held,
): readonly Held[] {
  const cursors = new Map(held.map(({ node, cursor }) => [node.id, cursor]));
  const gone = new Set<string>();
  const placed: Held[] = [];
  for (const change of changes) {
    if (!('edge' in change)) {
      if (cursors.has(change.executionId)) gone.add(change.executionId);
    } else if (cursors.get(change.edge.node.id) !== change.edge.cursor) {
      gone.add(change.edge.node.id);
      placed.push(make(change.edge));
    }
  }
  if (gone.size === 0) return held;
  const compare = (a: Held, b: Held) =>
    comparePlaces(placeOf(a.node, order), placeOf(b.node, order), order.direction);
  const rest = held.filter(({ node }) => !gone.has(node.id)).sort(compare);
  const [first, last] = [rest[0], rest.at(-1)];
  // What falls beyond the rows that are held belongs to pages that were not read.
  const fits = placed.filter((edge) => {
    const isBeyond = page.hasNextPage && (last === undefined || compare(edge, last) > 0);
    const isBefore = page.hasPreviousPage && (first === undefined || compare(edge, first) < 0);
    return !isBeyond && !isBefore;
  });
  return [...rest, ...fits].sort(compare);
}
