// A paged list of executions that stays right: pages are put together, frames of `executionsChanged` are applied.
// Pure: every function gives a new list and leaves the old one as it was; a list that nothing changed in is returned
// itself. Never asks the server for anything: it says `resync` when someone must.

import { comparePlaces, NEWEST_FIRST, placeOf, type Place } from './order.ts';
import type { Change, Connection, Edge, Frame, Order, PageInfo, Row, StatusCount } from './types.ts';

/** The pages held so far, as one. */
export interface PagedList<Node extends Row> {
  readonly order: Order;
  readonly edges: readonly Edge<Node>[];
  /** `endCursor` is where the next page begins: it follows the last row when rows come and go. */
  readonly pageInfo: PageInfo;
  /** Hand it to `executionsChanged` as `after`. */
  readonly cursor: string;
  readonly totalCount: number | null;
  readonly statusCounts: readonly StatusCount[] | null;
  /** The newest change of each execution that changed lately, for pages that were on their way meanwhile. */
  readonly recent: ReadonlyMap<string, Change<Node>>;
  /** The server can no longer say what changed: query the first page and begin again with `listOf`. */
  readonly resync: boolean;
}

/** A list that begins with this page (the answer to a query without `after`, as a rule). */
export function listOf<Node extends Row>(page: Connection<Node>, order: Order = NEWEST_FIRST): PagedList<Node> {
  return {
    order,
    edges: page.edges,
    pageInfo: page.pageInfo,
    cursor: page.streamCursor,
    totalCount: page.totalCount ?? null,
    statusCounts: page.statusCounts ?? null,
    recent: new Map(),
    resync: false,
  };
}

/** The list with the page that follows it: the answer to a query with `after: list.pageInfo.endCursor`. */
export function withNextPage<Node extends Row>(list: PagedList<Node>, page: Connection<Node>): PagedList<Node> {
  const held = new Set(list.edges.map(({ node }) => node.id));
  const again = page.edges.filter(({ node }) => held.has(node.id));
  const pageInfo: PageInfo = {
    ...list.pageInfo,
    hasNextPage: page.pageInfo.hasNextPage,
    endCursor: page.pageInfo.endCursor ?? list.pageInfo.endCursor ?? null,
  };
  const fresh = page.edges.filter(({ node }) => !held.has(node.id));
  const together = sorted([...list.edges, ...fresh], list.order);
  // The page may have been read before frames that are here already: their changes are told once more. The
  // subscription's cursor stays: what it has not told yet is still to come, and repeats are legal.
  const changes = [...again.map((edge) => ({ edge })), ...list.recent.values()];
  const edges = applyChanges(together, changes, list.order, pageInfo);
  return { ...list, edges, pageInfo: pageInfoOf(edges, together, pageInfo) };
}

/** The list after a frame. Only the newer copy of an execution is kept, whichever comes first. */
export function applyFrame<Node extends Row>(list: PagedList<Node>, frame: Frame<Node>): PagedList<Node> {
  if (frame.resync) return { ...list, cursor: frame.cursor, resync: true };
  const edges = applyChanges(list.edges, frame.changes, list.order, list.pageInfo);
  return {
    ...list,
    edges,
    pageInfo: pageInfoOf(edges, list.edges, list.pageInfo),
    cursor: frame.cursor,
    totalCount: frame.totalCount ?? list.totalCount,
    statusCounts: frame.statusCounts ?? list.statusCounts,
    recent: withRecent(list.recent, frame.changes),
  };
}

/** The list with a newer copy of an execution that came by another way: a mutation, `executionStatus`, a detail page.
 * Whether it is still in the set is the server's to say, so nothing enters and nothing leaves here. */
export function withNewer<Node extends Row>(list: PagedList<Node>, node: Node): PagedList<Node> {
  const at = list.edges.findIndex((edge) => edge.node.id === node.id);
  const held = list.edges[at];
  if (held === undefined || held.node.revision >= node.revision) return list;
  // The edge's cursor belongs to the old place: the frame that tells of this change brings the new one.
  return { ...list, edges: list.edges.with(at, { ...held, node: { ...held.node, ...node } }) };
}

/** What a frame does to the rows of a list. For caches that keep lists in a form of their own. */
export function applyChanges<Node extends Row>(
  held: readonly Edge<Node>[],
  changes: readonly Change<Node>[],
  order: Order,
  page: Pick<PageInfo, 'hasNextPage' | 'hasPreviousPage'>,
): readonly Edge<Node>[] {
  return changes.reduce((edges, change) => applyChange(edges, change, order, page), held);
}

/** `pageInfo` after the rows changed: pages go on behind the row that is now the last. */
export function pageInfoOf<Node extends Row>(
  edges: readonly Edge<Node>[],
  before: readonly Edge<Node>[],
  pageInfo: PageInfo,
): PageInfo {
  if (edges === before) return pageInfo;
  const [first, last] = [edges[0], edges.at(-1)];
  const { startCursor, endCursor } = pageInfo;
  const next: PageInfo = {
    ...pageInfo,
    // A page whose cursors nobody selected keeps them unselected.
    ...(startCursor === undefined ? {} : { startCursor: first?.cursor ?? null }),
    // With no row left the next page is the first one again: null is its `after`.
    ...(endCursor === undefined ? {} : { endCursor: last?.cursor ?? null }),
  };
  return next.startCursor === startCursor && next.endCursor === endCursor ? pageInfo : next;
}

/** How many changes are kept for pages that are on their way. A frame has a thousand at most, and there are ten a
 * second at most: a page that takes longer than this lasts under a flood is behind, and the next frame of each row
 * brings it up. */
const RECENT = 2_000;

/** The changes with those of a frame, the newest of each execution. For caches that keep lists in a form of their
 * own. */
export function withRecent<Node extends Row>(
  recent: ReadonlyMap<string, Change<Node>>,
  changes: readonly Change<Node>[],
): ReadonlyMap<string, Change<Node>> {
  if (changes.length === 0) return recent;
  const next = new Map(recent);
  for (const change of changes) {
    const id = 'edge' in change ? change.edge.node.id : change.executionId;
    next.delete(id);
    next.set(id, change);
  }
  for (const id of next.keys()) {
    if (next.size <= RECENT) break;
    next.delete(id);
  }
  return next;
}

function applyChange<Node extends Row>(
  edges: readonly Edge<Node>[],
  change: Change<Node>,
  order: Order,
  page: Pick<PageInfo, 'hasNextPage' | 'hasPreviousPage'>,
): readonly Edge<Node>[] {
  if (!('edge' in change)) {
    const held = edges.find(({ node }) => node.id === change.executionId);
    // A newer copy than the one that left: another frame is on its way that judges the newer one.
    const isNewer = change.execution != null && held !== undefined && held.node.revision > change.execution.revision;
    return held === undefined || isNewer ? edges : edges.filter((edge) => edge !== held);
  }
  const { edge } = change;
  const at = edges.findIndex(({ node }) => node.id === edge.node.id);
  const held = edges[at];
  if (held !== undefined && held.node.revision > edge.node.revision) return edges;
  const place = placeOf(edge.node, order);
  const compare = (other: Edge<Node>) => comparePlaces(place, placeOf(other.node, order), order.direction);
  if (held !== undefined && samePlace(place, placeOf(held.node, order))) return edges.with(at, edge);
  // Beyond what is held lie pages that were not read: a row there belongs to them. The rows' own ends are the limits,
  // the moving row's old place included.
  const [first, last] = [edges[0], edges.at(-1)];
  const isBeyond = last === undefined ? page.hasNextPage : page.hasNextPage && compare(last) > 0;
  const isBefore = first !== undefined && page.hasPreviousPage && compare(first) < 0;
  const rest = held === undefined ? edges : edges.toSpliced(at, 1);
  if (isBeyond || isBefore) return rest;
  const to = rest.findIndex((other) => compare(other) < 0);
  return rest.toSpliced(to < 0 ? rest.length : to, 0, edge);
}

const samePlace = (a: Place, b: Place) => a.value === b.value && a.id === b.id;

const sorted = <Node extends Row>(edges: readonly Edge<Node>[], order: Order) =>
  edges.toSorted((a, b) => comparePlaces(placeOf(a.node, order), placeOf(b.node, order), order.direction));
