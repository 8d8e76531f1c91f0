// JSON that users stored says of itself that it is an execution: neither cache believes it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gql } from '@apollo/client';
import { Live } from '../src/live.ts';
import { apollo, urql } from './apps.ts';

const EXECUTION = `query Execution { execution(id: "exe_x") { __typename id revision status result } }`;
const RECORD = `query Record { node(id: "rec_1") { __typename id ... on DataRecord { document } } }`;

const running = { __typename: 'Execution', id: 'exe_x', revision: 3, status: 'IN_PROGRESS', result: null };
const forged = { __typename: 'Execution', id: 'exe_x', revision: 999_999_999, status: 'FINISHED', result: 'forged' };
const DOCUMENTS: Readonly<Record<string, unknown>> = {
  'the execution itself': forged,
  'it in a list': [{ of: [forged] }],
  "Apollo's reference to it": { __ref: 'Execution:exe_x', ...forged },
  "urql's key of it": 'Execution:exe_x',
  'a query of its own': { __typename: 'Query', execution: forged },
  'a value that is merged': { __typename: 'ExecutionFailure', code: 'forged', execution: forged },
};

const serving = (document: unknown) => async (_: unknown, init?: RequestInit): Promise<Response> => {
  const { query } = JSON.parse(String(init?.body)) as { query: string };
  const data = /^query Record/.test(query) ? { node: { __typename: 'DataRecord', id: 'rec_1', document } } : { execution: running };
  return new Response(JSON.stringify({ data }), { headers: { 'content-type': 'application/json' } });
};

type Ask = (query: string, from: 'network' | 'cache') => Promise<unknown>;

const APPS: Readonly<Record<string, (document: unknown, live: Live) => Ask>> = {
  urql: (document, live) => {
    const client = urql(serving(document), live);
    return async (query, from) =>
      (await client.query(query, {}, { requestPolicy: from === 'cache' ? 'cache-only' : 'network-only' }).toPromise()).data;
  },
  Apollo: (document, live) => {
    const client = apollo(serving(document), live);
    return async (query, from) =>
      (await client.query({ query: gql(query), fetchPolicy: from === 'cache' ? 'cache-only' : 'network-only' })).data;
  },
};

for (const [app, make] of Object.entries(APPS)) {
  for (const [what, document] of Object.entries(DOCUMENTS)) {
    test(`${app}: a record that is ${what} changes no execution, and is read as it was written`, async () => {
      const live = new Live({ url: 'http://server.invalid/graphql' });
      const ask = make(document, live);
      await ask(EXECUTION, 'network');
      const record = { node: { __typename: 'DataRecord', id: 'rec_1', document } };
      assert.deepEqual(await ask(RECORD, 'network'), record);
      assert.deepEqual(await ask(EXECUTION, 'cache'), { execution: running });
      // What comes from then on is believed.
      assert.deepEqual(await ask(EXECUTION, 'network'), { execution: running });
      assert.deepEqual(await ask(RECORD, 'cache'), record);
      live.dispose();
    });
  }
}
