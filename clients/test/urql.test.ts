import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, fetchExchange, gql } from '@urql/core';
import { asWrittenExchange } from '../src/urql.ts';

test('an input goes out with its members as they were written', async () => {
  const sent: unknown[] = [];
  const client = new Client({
    url: 'http://server.invalid/graphql',
    preferGetMethod: false,
    exchanges: [asWrittenExchange(), fetchExchange],
    fetch: (_, init) => {
      sent.push(init?.body);
      return Promise.resolve(new Response('{"data":{"launch":true}}', { headers: { 'content-type': 'application/json' } }));
    },
  });
  const input = { skus: ['A'], additional_instructions: 'b', lines: [{ z: 1, a: 2 }] };
  const { data } = await client.mutation(gql`mutation Launch($input: JSON!) { launch(input: $input) }`, { input }).toPromise();
  assert.deepEqual(data, { launch: true });
  const [body] = sent;
  assert.ok(typeof body === 'string');
  assert.ok(body.includes(JSON.stringify(input)), body);
  const { operationName, query } = JSON.parse(body) as { operationName: string; query: string };
  assert.equal(operationName, 'Launch');
  assert.match(query, /mutation Launch/);
});
