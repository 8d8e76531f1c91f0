// For Apollo Client 4: type policies, lists that `executionsChanged` keeps right, newest wins, and subscriptions over
// `Live`. Put together like this:
//
//   const live = new Live({ url: '/graphql' });
//   const client = new ApolloClient({
//     cache: new InMemoryCache({ possibleTypes, typePolicies: typePolicies(live) }),
//     link: ApolloLink.from([
//       newestLink(),
//       ApolloLink.split(({ operationType }) => operationType === 'subscription', liveLink(live), new HttpLink({ uri })),
//     ]),
//   });
//
// A list page runs its query and, with the same filter and order and the page's `streamCursor` as `after`, the
// subscription; each of its results goes to `applyExecutionsChanged`. Edges select `cursor`, and `node { id revision … }`
// with the field that the list is ordered by. On `resync` the lists are dropped, and Apollo queries them again.

import { ApolloLink, type ApolloCache, type FieldPolicy, type Reference, type TypePolicies } from '@apollo/client';
import { relayStylePagination } from '@apollo/client/utilities';
import { print, type DocumentNode } from 'graphql';
import { concatMap, Observable, of } from 'rxjs';
import { placeRows } from './cached-list.ts';
import { selectionOf } from './documents.ts';
import type { Live } from './live.ts';
import { isSubset, Newest, type Selection } from './newest.ts';
import { fieldOf, NEWEST_FIRST } from './order.ts';
import { Recent } from './recent.ts';
import { listKey } from './same-arguments.ts';
import type { Change, Edge, Frame, Order, PageInfo, Row, StatusCount, Streams } from './types.ts';
import { VALUES } from './values.ts';

/** All policies that our schema needs. Values are embedded, and two selections of one are put together. */
export const typePolicies = (streams: Streams): TypePolicies => ({
  ...Object.fromEntries(VALUES.map((typename) => [typename, { keyFields: false, merge: true }])),
  Query: {
    fields: {
      accessTokens: relayStylePagination(['userId', 'includeRevoked']),
      agents: relayStylePagination(['dataSetId', 'includeRetired']),
      conversations: relayStylePagination(['dataSetId', 'agentId', 'startedById', 'search']),
      dataSets: relayStylePagination(),
      executions: executionPages(streams),
      users: relayStylePagination(['search']),
    },
  },
  Conversation: { fields: { messages: relayStylePagination(['roles']), timeline: relayStylePagination() } },
  DataSet: {
    fields: {
      agents: relayStylePagination(),
      members: relayStylePagination(),
      records: relayStylePagination(['collection', 'search']),
    },
  },
  Execution: { fields: { retries: relayStylePagination() } },
});

/** `relayStylePagination` for executions, which also knows frames that came while a page was on its way. */
export function executionPages(streams: Streams): FieldPolicy {
  const relay = relayStylePagination(['filter', 'orderBy']);
  return {
    ...relay,
    merge(existing, incoming, options) {
      if (typeof relay.merge !== 'function') return incoming;
      const merged: unknown = relay.merge(existing, incoming, options);
      const { args, cache } = options;
      const changes = recentOf(cache).changes(args, streams);
      // The rows of this page can be read once they are written, and that is after this returns. A turn of the event
      // loop later, so that `fetchMore` has ended: it loses what changes while it tells of its page.
      if (changes.length > 0) setTimeout(() => modifyLists(cache, args ?? {}, { changes }), 0);
      return merged;
    },
  };
}

/** Applies an event of `executionsChanged` to the lists of the cache that have this filter and order. Says whether it
 * could; `resync` drops them. */
export function applyExecutionsChanged(
  cache: ApolloCache,
  args: { readonly filter?: unknown; readonly orderBy?: Order | null | undefined },
  frame: Frame<Row>,
): 'applied' | 'resync' {
  const recent = recentOf(cache);
  if (frame.resync) recent.forget(args);
  else recent.add(args, frame.changes);
  modifyLists(cache, args, frame);
  for (const change of frame.changes) {
    // Gone, or no longer the viewer's: not to be shown from the cache.
    if (!('edge' in change) && change.execution === null) {
      cache.evict({ id: `Execution:${change.executionId}` });
    }
  }
  return frame.resync ? 'resync' : 'applied';
}

function modifyLists(
  cache: ApolloCache,
  args: Readonly<Record<string, unknown>>,
  frame: Pick<Frame<Row>, 'changes' | 'totalCount' | 'statusCounts'> & { readonly resync?: boolean },
): void {
  const list = listKey(args);
  const order = (args['orderBy'] as Order | null | undefined) ?? NEWEST_FIRST;
  cache.modify({
    id: 'ROOT_QUERY',
    fields: {
      executions(existing: unknown, details) {
        if (listKey(argumentsIn(details.storeFieldName)) !== list) return existing;
        if (frame.resync === true) return details.DELETE;
        const changed = withChanges(existing as Stored, frame.changes, order, details);
        return changed === undefined ? details.DELETE : withCounts(changed, frame);
      },
    },
  });
}

/** Keeps older copies of executions out of the cache. Stands before the terminating links. A query whose answer cannot
 * be brought up to what is known is asked again, and answered then. */
export function newestLink(newest = new Newest()): ApolloLink {
  const selections = new WeakMap<DocumentNode, Selection>();
  return new ApolloLink((operation, forward) => {
    let selection = selections.get(operation.query);
    if (selection === undefined) selections.set(operation.query, (selection = selectionOf(operation.query)));
    const ask = (asked: ReadonlySet<string>): Observable<ApolloLink.Result> =>
      forward(operation).pipe(
        concatMap((answer) => {
          if (!('data' in answer)) return of(answer);
          const { result, lacks } = newest.bring(answer as { data?: unknown }, selection);
          // A subscription's next event brings it, and a mutation is done once. A second answer that lacks the same is
          // no better a third time.
          if (operation.operationType !== 'query' || isSubset(lacks, asked)) return of(result as ApolloLink.Result);
          return ask(new Set([...asked, ...lacks]));
        }),
      );
    return ask(new Set());
  });
}

/** Runs Apollo's subscriptions over a `Live`. A terminating link. */
export const liveLink = (live: Live): ApolloLink =>
  new ApolloLink(
    (operation) =>
      new Observable((observer) =>
        live.subscribe(
          {
            query: print(operation.query),
            operationName: operation.operationName,
            variables: operation.variables,
          },
          observer as Parameters<Live['subscribe']>[1],
        ),
      ),
  );

/** A list as `relayStylePagination` stores it, or as Apollo does without it. */
interface Stored {
  readonly edges?: readonly StoredEdge[];
  readonly nodes?: readonly Reference[];
  readonly pageInfo?: PageInfo;
  readonly totalCount?: number;
  readonly statusCounts?: readonly StatusCount[];
}

interface StoredEdge {
  readonly __typename?: string;
  readonly cursor?: string;
  readonly node: Reference;
}

interface Reader {
  readField(name: string, from: Reference): unknown;
  toReference(object: { __typename: string; id: string }): Reference | undefined;
}

interface Held extends Edge<Row> {
  readonly stored: StoredEdge;
}

/** Undefined where too little was selected to place a row: the server is to be asked. */
function withChanges(stored: Stored, changes: readonly Change<Row>[], order: Order, read: Reader): Stored | undefined {
  const inNodes = stored.edges === undefined;
  const edges = stored.edges ?? stored.nodes?.map((node): StoredEdge => ({ node }));
  // A list that only counts.
  if (edges === undefined) return stored;
  const field = fieldOf(order);
  const held = edges.map((edge): Held => {
    const id = String(read.readField('id', edge.node));
    const revision = Number(read.readField('revision', edge.node) ?? 0);
    const node = { id, revision, [field]: read.readField(field, edge.node) } as Row;
    return { cursor: edge.cursor ?? '', node, stored: edge };
  });
  if (held.some(({ node }) => node[field] === undefined)) return undefined;
  const make = (edge: Edge<Row>): Held => {
    const node = read.toReference({ __typename: 'Execution', id: edge.node.id });
    if (node === undefined) throw new TypeError('executions have another key than __typename and id in this cache');
    return { ...edge, stored: { __typename: 'ExecutionEdge', cursor: edge.cursor, node } };
  };
  const pageInfo = stored.pageInfo ?? { hasNextPage: false, hasPreviousPage: false };
  const now = placeRows(held, changes, order, pageInfo, make);
  if (now === held) return stored;
  const [first, last] = [now[0], now.at(-1)];
  return {
    ...stored,
    ...(inNodes ? {} : { edges: now.map((edge) => edge.stored) }),
    ...(stored.nodes === undefined ? {} : { nodes: now.map((edge) => edge.stored.node) }),
    // Pages go on behind the row that is now the last.
    ...(stored.pageInfo === undefined
      ? {}
      : { pageInfo: { ...stored.pageInfo, startCursor: first?.cursor ?? '', endCursor: last?.cursor ?? '' } }),
  };
}

/** The list with the counts of a frame: those that it selected. */
function withCounts(stored: Stored, frame: Pick<Frame<Row>, 'totalCount' | 'statusCounts'>): Stored {
  const { totalCount, statusCounts } = frame;
  const counts = {
    ...(totalCount != null && 'totalCount' in stored ? { totalCount } : {}),
    ...(statusCounts != null && 'statusCounts' in stored ? { statusCounts } : {}),
  };
  // The same list where there are none: a new one would be told to everyone.
  return Object.keys(counts).length === 0 ? stored : { ...stored, ...counts };
}

/** The arguments in the name under which a field is stored: `executions:{…}` or `executions({…})`. */
function argumentsIn(storeFieldName: string): Record<string, unknown> {
  const json = /^\w+[:(](\{.*\})\)?$/s.exec(storeFieldName)?.[1];
  return json === undefined ? {} : (JSON.parse(json) as Record<string, unknown>);
}

const RECENT = new WeakMap<object, Recent>();

function recentOf(cache: object): Recent {
  const known = RECENT.get(cache) ?? new Recent();
  RECENT.set(cache, known);
  return known;
}
