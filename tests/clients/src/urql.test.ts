// urql with Graphcache, as `clients/src/urql.ts` puts it together.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Client, fetchExchange, subscriptionExchange, type OperationResult } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';
import { minifyIntrospectionQuery } from '@urql/introspection';
import { buildSchema, introspectionFromSchema } from 'graphql';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipe, subscribe } from 'wonka';
import WebSocket from 'ws';
import { Live } from '../../../clients/src/index.ts';
import { forwardTo, graphcache, keys, newestExchange } from '../../../clients/src/urql.ts';
import type { DetailQuery, ListQuery, ListQueryVariables } from './gql/graphql.ts';
import { CANCEL, CHANGES, DETAIL, LAUNCH, LIST, STATUS } from './operations.ts';
import { pages, type App, type Setting } from './pages.ts';
import { startServer } from './server.ts';

const sdl = readFileSync(join(process.env['PROJECT'] ?? join(process.cwd(), '../..'), 'schema.graphql'), 'utf8');
const schema = minifyIntrospectionQuery(introspectionFromSchema(buildSchema(sdl)));

/** Graphcache says on the console what it cannot do; nothing may be said. */
const logger = (severity: string, message: string) => {
  if (severity !== 'debug') assert.fail(`${severity}: ${message}`);
};

function makeApp(setting: Setting): App {
  const live = new Live({ ...setting, WebSocket, backoff: { baseMs: 5, capMs: 40 }, pollMs: 50 });
  const client = new Client({
    url: setting.url,
    fetch: setting.fetch,
    fetchOptions: { headers: { authorization: `Bearer ${setting.token()}`, 'graphql-require-preflight': '1' } },
    preferGetMethod: false,
    exchanges: [
      cacheExchange({ schema, logger, ...graphcache(live) }),
      newestExchange(),
      fetchExchange,
      subscriptionExchange({ forwardSubscription: forwardTo(live) }),
    ],
  });
  const ends: { unsubscribe(): void }[] = [];
  return {
    list(variables: ListQueryVariables) {
      let data: ListQuery['executions'] | undefined;
      let isFollowed = false;
      const shown = (result: OperationResult<ListQuery>) => {
        assert.equal(result.error, undefined, String(result.error));
        if (!result.data) return;
        data = result.data.executions;
        if (isFollowed || !setting.isLive) return;
        isFollowed = true;
        const { filter, orderBy } = variables;
        ends.push(
          pipe(
            client.subscription(CHANGES, { filter, orderBy, after: data.streamCursor }),
            subscribe(({ error }) => assert.equal(error, undefined, String(error))),
          ),
        );
      };
      let page = pipe(client.query(LIST, variables), subscribe(shown));
      ends.push({ unsubscribe: () => page.unsubscribe() });
      return {
        data: () => data,
        async more() {
          const last = page;
          const next = client.query(LIST, { ...variables, after: data?.pageInfo.endCursor });
          page = pipe(next, subscribe(shown));
          last.unsubscribe();
          await next.toPromise();
        },
      };
    },
    detail(id: string) {
      let data: DetailQuery['execution'] | undefined;
      let isOver = false;
      let isFollowed = false;
      ends.push(
        pipe(
          client.query(DETAIL, { id }),
          subscribe((result) => {
            if (!result.data) return;
            data = result.data.execution;
            if (isFollowed || data == null) return;
            isFollowed = true;
            ends.push(
              pipe(
                client.subscription(STATUS, { id, after: data.streamCursor }),
                subscribe((update) => {
                  isOver ||= update.data?.executionStatus.isTerminal === true;
                }),
              ),
            );
          }),
        ),
      );
      return { data: () => data, isOver: () => isOver };
    },
    async launch(input) {
      const { data, error } = await client.mutation(LAUNCH, { input }).toPromise();
      assert.ok(data, String(error));
      return data.launchExecution;
    },
    async cancel(id) {
      const { data, error } = await client.mutation(CANCEL, { input: { id } }).toPromise();
      assert.ok(data, String(error));
      return data.cancelExecution;
    },
    close() {
      for (const end of ends) end.unsubscribe();
      live.dispose();
    },
  };
}

pages('urql', makeApp);

describe('urql as it comes', () => {
  test('relayPagination reads every page once, without a setting', async () => {
    const server = await startServer();
    try {
      const label = 'stock';
      const launched: string[] = [];
      for (let i = 0; i < 8; i += 1) launched.unshift(await server.launch('noop', [label]));
      const client = new Client({
        url: server.url,
        fetchOptions: { headers: { authorization: `Bearer ${server.token}` } },
        preferGetMethod: false,
        exchanges: [
          cacheExchange({ schema, keys, logger, resolvers: { Query: { executions: relayPagination() } } }),
          fetchExchange,
        ],
      });
      let data: ListQuery['executions'] | undefined;
      let reads = 0;
      do {
        const result = await client
          .query(LIST, { filter: { labels: [label] }, first: 3, after: data?.pageInfo.endCursor ?? null })
          .toPromise();
        assert.ok(result.data, String(result.error));
        data = result.data.executions;
        reads += 1;
      } while (data.pageInfo.hasNextPage);
      assert.equal(reads, 3);
      assert.deepEqual(data.edges.map(({ node }) => node.id), launched);
    } finally {
      await server.stop();
    }
  });
});
