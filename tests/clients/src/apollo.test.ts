// Apollo Client 4 with its normalized cache, as `clients/src/apollo.ts` puts it together.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApolloClient, ApolloLink, InMemoryCache, HttpLink } from '@apollo/client';
import { relayStylePagination } from '@apollo/client/utilities';
import UploadHttpLink from 'apollo-upload-client/UploadHttpLink.mjs';
import WebSocket from 'ws';
import { applyExecutionsChanged, liveLink, newestLink, typePolicies } from '../../../clients/src/apollo.ts';
import { Live } from '../../../clients/src/index.ts';
import type { DetailQuery, ListQuery, ListQueryVariables } from './gql/graphql.ts';
import possibleTypes from './gql/possible-types.ts';
import { CANCEL, CHANGES, DETAIL, LAUNCH, LIST, STATUS, TRANSCRIPT } from './operations.ts';
import { pages, type App, type Setting } from './pages.ts';
import { startServer } from './server.ts';
import { until } from './waiting.ts';

function makeApp(setting: Setting): App {
  const live = new Live({ ...setting, WebSocket, backoff: { baseMs: 5, capMs: 40 }, pollMs: 50 });
  const http = new UploadHttpLink({
    uri: setting.url,
    fetch: setting.fetch,
    headers: { authorization: `Bearer ${setting.token()}`, 'apollo-require-preflight': 'true' },
  });
  const client = new ApolloClient({
    cache: new InMemoryCache({ possibleTypes: possibleTypes.possibleTypes, typePolicies: typePolicies(live) }),
    link: ApolloLink.from([
      newestLink(),
      ApolloLink.split(({ operationType }) => operationType === 'subscription', liveLink(live), http),
    ]),
  });
  const ends: { unsubscribe(): void }[] = [];
  return {
    list(variables: ListQueryVariables) {
      const query = client.watchQuery({ query: LIST, variables });
      let data: ListQuery['executions'] | undefined;
      let isFollowed = false;
      ends.push(
        query.subscribe((result) => {
          assert.equal(result.error, undefined);
          if (result.dataState !== 'complete') return;
          data = result.data.executions;
          if (isFollowed || !setting.isLive) return;
          isFollowed = true;
          const { filter, orderBy } = variables;
          ends.push(
            client
              .subscribe({ query: CHANGES, variables: { filter, orderBy, after: data.streamCursor } })
              .subscribe(({ data: frame, error }) => {
                assert.equal(error, undefined);
                if (frame) applyExecutionsChanged(client.cache, { filter, orderBy: orderBy ?? null }, frame.executionsChanged);
              }),
          );
        }),
      );
      return {
        data: () => data,
        async more() {
          const shown = data;
          await query.fetchMore({ variables: { after: shown?.pageInfo.endCursor } });
          // Apollo tells of the page a moment after it answers this; who asks again before sees the old end for ever.
          await until(() => data !== shown, 'the page is shown');
        },
      };
    },
    detail(id: string) {
      const query = client.watchQuery({ query: DETAIL, variables: { id } });
      let data: DetailQuery['execution'] | undefined;
      let isOver = false;
      let isFollowed = false;
      ends.push(
        query.subscribe((result) => {
          if (result.dataState !== 'complete') return;
          data = result.data.execution;
          if (isFollowed || data == null) return;
          isFollowed = true;
          ends.push(
            client
              .subscribe({ query: STATUS, variables: { id, after: data.streamCursor } })
              .subscribe({ complete: () => (isOver = true) }),
          );
        }),
      );
      return { data: () => data, isOver: () => isOver };
    },
    async launch(input) {
      const { data } = await client.mutate({ mutation: LAUNCH, variables: { input } });
      assert.ok(data);
      return data.launchExecution;
    },
    async cancel(id) {
      const { data } = await client.mutate({ mutation: CANCEL, variables: { input: { id } } });
      assert.ok(data);
      return data.cancelExecution;
    },
    close() {
      for (const end of ends) end.unsubscribe();
      live.dispose();
      // Not `client.stop()`: it rejects queries that are still under way, and nobody waits for them any longer.
    },
  };
}

pages('Apollo Client', makeApp);

describe('Apollo Client as it comes', () => {
  test('relayStylePagination reads every page once, without a setting', async () => {
    const server = await startServer();
    try {
      const label = 'stock';
      const launched: string[] = [];
      for (let i = 0; i < 8; i += 1) launched.unshift(await server.launch('noop', [label]));
      const client = new ApolloClient({
        cache: new InMemoryCache({
          possibleTypes: possibleTypes.possibleTypes,
          typePolicies: {
            Query: { fields: { executions: relayStylePagination() } },
            Conversation: { fields: { messages: relayStylePagination() } },
          },
        }),
        link: new HttpLink({ uri: server.url, headers: { authorization: `Bearer ${server.token}` } }),
      });
      const query = client.watchQuery({ query: LIST, variables: { filter: { labels: [label] }, first: 3 } });
      let data: ListQuery['executions'] | undefined;
      const watch = query.subscribe((result) => {
        if (result.dataState === 'complete') data = result.data.executions;
      });
      await until(() => data !== undefined, 'the first page');
      let reads = 1;
      while (data?.pageInfo.hasNextPage) {
        const held = data.edges.length;
        await query.fetchMore({ variables: { after: data.pageInfo.endCursor } });
        await until(() => (data?.edges.length ?? 0) > held, 'the next page');
        reads += 1;
      }
      assert.equal(reads, 3);
      assert.deepEqual(data?.edges.map(({ node }) => node.id), launched);
      watch.unsubscribe();

      const [id] = launched;
      assert.ok(id);
      await until(async () => {
        const { execution } = await server.ask<{ execution: { isTerminal: boolean } }>(
          'query ($id: ID!) { execution(id: $id) { isTerminal } }',
          { id },
        );
        return execution.isTerminal;
      }, 'it ends');
      const { data: found } = await client.query({ query: DETAIL, variables: { id } });
      const conversation = found?.execution?.conversation.id;
      assert.ok(conversation);
      const transcript = client.watchQuery({ query: TRANSCRIPT, variables: { id: conversation, first: 1 } });
      const roles: string[] = [];
      const reading = transcript.subscribe((result) => {
        if (result.dataState !== 'complete') return;
        roles.splice(0, roles.length, ...(result.data.conversation?.messages.edges ?? []).map(({ node }) => node.role));
      });
      await until(() => roles.length === 1, 'the first message');
      for (let isMore = true; isMore; ) {
        const { dataState, data: shown } = transcript.getCurrentResult();
        assert.ok(dataState === 'complete' && shown.conversation);
        const { pageInfo } = shown.conversation.messages;
        isMore = pageInfo.hasNextPage;
        if (!isMore) break;
        const held = roles.length;
        await transcript.fetchMore({ variables: { after: pageInfo.endCursor } });
        await until(() => roles.length > held, 'the next message');
      }
      assert.deepEqual(roles, ['SYSTEM', 'USER', 'ASSISTANT']);
      reading.unsubscribe();
      client.stop();
    } finally {
      await server.stop();
    }
  });
});
