// For urql: keys for Graphcache, lists that `executionsChanged` keeps right, newest wins, and subscriptions over
// `Live`. Put together like this:
//
//   const live = new Live({ url: '/graphql' });
//   new Client({
//     url: '/graphql',
//     exchanges: [
//       cacheExchange({ schema, ...graphcache(live) }),
//       newestExchange(),
//       asWrittenExchange(),
//       fetchExchange,
//       subscriptionExchange({ forwardSubscription: forwardTo(live) }),
//     ],
//   });
//
// A list page then runs its query, and `executionsChanged` with the same filter and order and the page's `streamCursor`
// as `after`. Edges select `cursor`, and `node { id revision … }` with the field that the list is ordered by. On
// `resync` the lists are invalidated, and urql queries them again.

import { getOperationName, makeOperation, mapExchange, stringifyDocument, type Exchange, type SubscriptionForwarder } from '@urql/core';
import type { Cache, Entity, KeyingConfig, ResolverConfig, UpdatesConfig } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';
import type { DocumentNode } from 'graphql';
import { placeRows } from './cached-list.ts';
import { selectionOf } from './documents.ts';
import type { Live } from './live.ts';
import { isSubset, Newest, type Selection } from './newest.ts';
import { fieldOf, NEWEST_FIRST } from './order.ts';
import { Recent } from './recent.ts';
import { listKey } from './same-arguments.ts';
import type { Change, Edge, Frame, Order, PageInfo, Row, Streams } from './types.ts';
import { CONNECTIONS, DELIVERIES, VALUES } from './values.ts';

/** Types without an id are embedded. A row of `executions` is not: its cursor names it in its order, so that a frame's
 * row can be put into a list. */
export const keys: KeyingConfig = {
  ...Object.fromEntries([...VALUES, ...CONNECTIONS, ...DELIVERIES].map((typename) => [typename, () => null])),
  ExecutionEdge: (edge) => (typeof edge['cursor'] === 'string' ? edge['cursor'] : null),
};

/** Every list of the root goes on where it ends: pages read as one. Leave it out where a page is shown alone. */
export const endlessLists: ResolverConfig = {
  Query: Object.fromEntries(
    ['accessTokens', 'agents', 'conversations', 'dataSets', 'executions', 'users'].map((field) => [
      field,
      relayPagination(),
    ]),
  ),
};

/** All of Graphcache's settings that our schema needs, for one cache. */
export const graphcache = (streams: Streams) => ({ keys, resolvers: endlessLists, updates: updates(streams) });

/** Puts frames of `executionsChanged` into the lists of `executions`, and forgets rows that were deleted. */
export function updates(streams: Streams, now: () => number = Date.now): UpdatesConfig {
  const recent = new Recent(now);
  let isWriting = false;
  // Writing a page calls the updates of its field.
  const once = (write: () => void) => {
    if (isWriting) return;
    isWriting = true;
    try {
      write();
    } finally {
      isWriting = false;
    }
  };
  return {
    Query: {
      executions: (_data, args, cache) =>
        once(() => {
          // The page may have been read before frames that came while it was on its way.
          const changes = recent.changes(args, streams);
          if (changes.length > 0) applyToLists(cache, args, changes);
        }),
    },
    Subscription: {
      executionsChanged: (data, args, cache) =>
        once(() => {
          const frame = data['executionsChanged'] as unknown as Frame<Row> | null;
          if (frame == null) return;
          if (frame.resync) {
            recent.forget(args);
            for (const page of pagesOf(cache, listKey(args))) cache.invalidate('Query', page.field);
            return;
          }
          recent.add(args, frame.changes);
          applyToLists(cache, args, frame.changes, frame);
          forgetDeleted(cache, frame.changes);
        }),
    },
    Mutation: {
      deleteRecords: (data, _args, cache) => {
        const { deletedIds } = (data['deleteRecords'] ?? {}) as { deletedIds?: readonly string[] };
        for (const id of deletedIds ?? []) cache.invalidate({ __typename: 'DataRecord', id });
      },
    },
  };
}

/** Keeps older copies of executions out of the cache. Stands between the cache and the network. A query whose answer
 * cannot be brought up to what is known is asked again, and stale until then. */
export function newestExchange(newest = new Newest()): Exchange {
  const selections = new WeakMap<DocumentNode, Selection>();
  /** What queries were asked again for. A second answer that lacks the same is no better a third time. */
  const asked = new Map<number, ReadonlySet<string>>();
  return (input) =>
    mapExchange({
      onResult(result) {
        if (result.data == null) return result;
        const { operation } = result;
        const document = operation.query as DocumentNode;
        let selection = selections.get(document);
        if (selection === undefined) selections.set(document, (selection = selectionOf(document)));
        const { result: brought, lacks } = newest.bring({ data: result.data as unknown }, selection);
        const { data } = brought;
        // A subscription's next event brings it, and a mutation is done once.
        if (operation.kind !== 'query') return { ...result, data };
        const before = asked.get(operation.key);
        if (lacks.size === 0) asked.delete(operation.key);
        if (isSubset(lacks, before)) return { ...result, data };
        asked.set(operation.key, new Set([...(before ?? []), ...lacks]));
        const { context } = operation;
        input.client.reexecuteOperation(makeOperation('query', operation, { ...context, requestPolicy: 'network-only' }));
        return { ...result, data, stale: true };
      },
    })(input);
}

/** Sends variables in the order in which they were written. urql sorts the members of objects in them, and the server
 * keeps the order that it is given: an execution's input would be stored, and read by people, in alphabetical order.
 * Stands right before `fetchExchange`. Uploads go as a form, and stay as urql makes them. */
export function asWrittenExchange(): Exchange {
  return mapExchange({
    onOperation: (operation) => {
      const { query, variables, context } = operation;
      const send = context.fetch ?? fetch;
      const body = () =>
        JSON.stringify({ operationName: getOperationName(query), query: stringifyDocument(query), variables });
      return makeOperation(operation.kind, operation, {
        ...context,
        fetch: (url, init) => send(url, typeof init?.body === 'string' ? { ...init, body: body() } : init),
      });
    },
  });
}

/** Runs urql's subscriptions over a `Live`. */
export const forwardTo =
  (live: Live): SubscriptionForwarder =>
  (request) => ({
    subscribe: (sink) => ({
      unsubscribe: live.subscribe(
        {
          query: request.query ?? '',
          operationName: request.operationName,
          variables: request.variables as Record<string, unknown> | undefined,
        },
        sink as Parameters<Live['subscribe']>[1],
      ),
    }),
  });

interface Page {
  readonly field: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly connection: string;
}

/** A row of the list with its key in the cache. */
interface CachedEdge extends Edge<Row> {
  readonly key: string;
}

/** The pages of a list that lie in the cache, in the order in which they follow each other. */
function pagesOf(cache: Cache, list: string): Page[] {
  return cache
    .inspectFields('Query')
    .filter((field) => field.fieldName === 'executions' && listKey(field.arguments) === list)
    .flatMap(({ fieldKey, arguments: args }) => {
      const connection = cache.resolve('Query', fieldKey);
      return typeof connection === 'string' ? [{ field: fieldKey, args: args ?? {}, connection }] : [];
    });
}

function applyToLists(
  cache: Cache,
  args: Readonly<Record<string, unknown>>,
  changes: readonly Change<Row>[],
  counts: Pick<Frame<Row>, 'totalCount' | 'statusCounts'> = {},
): void {
  const order = (args['orderBy'] as Order | null | undefined) ?? NEWEST_FIRST;
  const pages = pagesOf(cache, listKey(args));
  for (const page of pages) writeCounts(cache, page, counts);
  // Those that count only have no rows to keep right.
  const read = pages.map((page) => ({ page, edges: edgesOf(cache, page, order) }));
  const rows = read.filter(({ edges }) => edges !== null) as { page: Page; edges: readonly CachedEdge[] }[];
  if (rows.length === 0 || changes.length === 0) return;
  const isWhole = changes.every((change) => !('edge' in change) || typeof change.edge.cursor === 'string');
  if (!isWhole || rows.some(({ edges }) => edges.some(({ node }) => node[fieldOf(order)] === undefined))) {
    // What was selected is not enough to place a row: the server is asked instead.
    for (const { page } of rows) cache.invalidate('Query', page.field);
    return;
  }
  const [first, last] = [rows[0], rows.at(-1)];
  if (first === undefined || last === undefined) return;
  const held: CachedEdge[] = rows.flatMap(({ edges }) => edges);
  const [front, back] = [pageInfoIn(cache, first.page), pageInfoIn(cache, last.page)];
  const limits = { hasPreviousPage: front?.hasPreviousPage ?? false, hasNextPage: back?.hasNextPage ?? false };
  const make = (edge: Edge<Row>) => ({ ...edge, key: keyOf(cache, edge) });
  const now = placeRows(held, changes, order, limits, make);
  if (now === held) return;
  // A row stays on its page; one that is new or has moved goes to the page of the row before it.
  const pageOf = new Map(rows.flatMap(({ edges }, at) => edges.map(({ key }) => [key, at] as const)));
  const filled: CachedEdge[][] = rows.map(() => []);
  let at = 0;
  for (const edge of now) {
    at = Math.max(at, pageOf.get(edge.key) ?? at);
    filled[at]?.push(edge);
  }
  for (const [at, { page }] of rows.entries()) {
    const edges = filled[at] ?? [];
    if (cache.resolve(page.connection, 'edges') !== undefined) {
      cache.link(page.connection, 'edges', edges.map(({ key }) => key));
    }
    if (cache.resolve(page.connection, 'nodes') !== undefined) {
      cache.link(page.connection, 'nodes', edges.map(({ node }) => ({ __typename: 'Execution', id: node.id })));
    }
  }
  // Pages go on behind the row that is now the last.
  const endCursor = now.at(-1)?.cursor ?? null;
  if (back !== null && back.endCursor !== endCursor) {
    writePage(cache, last.page, 'pageInfo { __typename endCursor }', {
      pageInfo: { __typename: 'PageInfo', endCursor },
    });
  }
}

/** The rows of a page; null when it holds none, only counts. */
function edgesOf(cache: Cache, page: Page, order: Order): CachedEdge[] | null {
  const edges = cache.resolve(page.connection, 'edges');
  if (Array.isArray(edges)) {
    return edges.flatMap((key) => {
      const node = typeof key === 'string' ? cache.resolve(key, 'node') : null;
      if (typeof key !== 'string' || typeof node !== 'string') return [];
      return [{ key, cursor: String(cache.resolve(key, 'cursor') ?? ''), node: rowOf(cache, node, order) }];
    });
  }
  const nodes = cache.resolve(page.connection, 'nodes');
  if (!Array.isArray(nodes)) return null;
  return nodes.flatMap((key) => (typeof key === 'string' ? [{ key, cursor: '', node: rowOf(cache, key, order) }] : []));
}

function rowOf(cache: Cache, node: Entity, order: Order): Row {
  const field = fieldOf(order);
  const revision = Number(cache.resolve(node, 'revision') ?? 0);
  return { id: String(cache.resolve(node, 'id')), revision, [field]: cache.resolve(node, field) } as Row;
}

const keyOf = (cache: Cache, { cursor }: Edge<Row>) => cache.keyOfEntity({ __typename: 'ExecutionEdge', cursor }) ?? '';

function pageInfoIn(cache: Cache, page: Page): PageInfo | null {
  const key = cache.resolve(page.connection, 'pageInfo');
  if (typeof key !== 'string') return null;
  const read = (name: string) => cache.resolve(key, name);
  const endCursor = read('endCursor');
  return {
    hasNextPage: read('hasNextPage') === true,
    hasPreviousPage: read('hasPreviousPage') === true,
    endCursor: typeof endCursor === 'string' ? endCursor : null,
  };
}

function writeCounts(cache: Cache, page: Page, counts: Pick<Frame<Row>, 'totalCount' | 'statusCounts'>): void {
  if (counts.totalCount != null && cache.resolve(page.connection, 'totalCount') !== undefined) {
    writePage(cache, page, 'totalCount', { totalCount: counts.totalCount });
  }
  if (counts.statusCounts != null && cache.resolve(page.connection, 'statusCounts') !== undefined) {
    writePage(cache, page, 'statusCounts { __typename status count isExact }', { statusCounts: counts.statusCounts });
  }
}

const ARGUMENTS: Readonly<Record<string, string>> = {
  after: 'String',
  before: 'String',
  filter: 'ExecutionFilter',
  first: 'Int',
  last: 'Int',
  orderBy: 'ExecutionOrder',
};

/** Writes fields of a page: it has no key of its own, so they go in by its query. */
function writePage(cache: Cache, page: Page, selection: string, fields: Record<string, unknown>): void {
  const names = Object.keys(page.args);
  const declared = names.map((name) => `$${name}: ${ARGUMENTS[name] ?? 'JSON'}`);
  const passed = names.map((name) => `${name}: $${name}`);
  const list = (parts: string[]) => (parts.length > 0 ? `(${parts.join(', ')})` : '');
  cache.updateQuery(
    {
      query: `query${list(declared)} { executions${list(passed)} { __typename ${selection} } }`,
      variables: page.args as Record<string, never>,
    },
    () => ({ __typename: 'Query', executions: { __typename: 'ExecutionConnection', ...fields } }) as never,
  );
}

/** An execution that is gone, or no longer the viewer's, is not to be shown from the cache. */
function forgetDeleted(cache: Cache, changes: readonly Change<Row>[]): void {
  for (const change of changes) {
    if (!('edge' in change) && change.execution === null) {
      cache.invalidate({ __typename: 'Execution', id: change.executionId });
    }
  }
}
