// Answers that are behind, and of which too little is known to bring them up: both caches ask again, once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gql } from '@apollo/client';
import type { OperationResult } from '@urql/core';
import { pipe, subscribe } from 'wonka';
import { Live } from '../src/live.ts';
import { apollo, urql } from './apps.ts';

const WHOLE = '__typename id revision status failure { __typename code explanation }';
const DETAIL = `query Detail { execution(id: "exe_x") { ${WHOLE} } }`;
const CANCEL = `mutation Cancel {
  cancelExecution(input: { id: "exe_x" }) {
    __typename
    execution { __typename id revision status failure { __typename code } }
  }
}`;
const STATUS = `subscription Status($after: StreamCursor) {
  executionStatus(id: "exe_x", after: $after) { __typename cursor execution { ${WHOLE} } }
}`;

const failure = { __typename: 'ExecutionFailure', code: 'canceled' };
const execution = (revision: number, status: string, failure: unknown) => ({
  __typename: 'Execution',
  id: 'exe_x',
  revision,
  status,
  failure,
});
const before = execution(4, 'PENDING', null);
const after = execution(9, 'FAILED', { ...failure, explanation: 'someone canceled it' });

/** Answers with one execution. The first detail was read before the cancellation, and arrives after it. */
class Server {
  readonly asked: string[] = [];
  /** What the second detail tells. */
  second: unknown = after;
  arrive = () => {};
  readonly #road = new Promise<void>((resolve) => (this.arrive = resolve));

  readonly fetch = async (_: unknown, init?: RequestInit): Promise<Response> => {
    const { query } = JSON.parse(String(init?.body)) as { query: string };
    const operation = /^\w+ (\w+)/.exec(query)?.[1] ?? '';
    this.asked.push(operation);
    switch (operation) {
      case 'Cancel': {
        const canceled = execution(9, 'FAILED', failure);
        return json({ cancelExecution: { __typename: 'CancelExecutionPayload', execution: canceled } });
      }
      case 'Status':
        return new Response(
          [before, after]
            .map((execution, at) => ({ __typename: 'ExecutionStatusUpdate', cursor: `c${at}`, execution }))
            .map((executionStatus) => `event: next\ndata: ${JSON.stringify({ data: { executionStatus } })}\n\n`)
            .join('') + 'event: complete\ndata:\n\n',
          { headers: { 'content-type': 'text/event-stream' } },
        );
      default: {
        const isFirst = this.asked.filter((one) => one === 'Detail').length === 1;
        if (isFirst) await this.#road;
        return json({ execution: isFirst ? before : this.second });
      }
    }
  };
}

const json = (data: unknown) =>
  new Response(JSON.stringify({ data }), { headers: { 'content-type': 'application/json' } });

type Answer = { execution: typeof before };

interface App {
  /** Every state of the page that was not called stale. */
  detail(): unknown[];
  cancel(): Promise<void>;
  /** What the stream tells, once it is over. */
  status(): Promise<unknown[]>;
}

const logger = (severity: string, message: string) => {
  if (severity !== 'debug') assert.fail(`${severity}: ${message}`);
};

function urqlApp(server: Server, live: Live): App {
  const client = urql(server.fetch, live, logger);
  return {
    detail() {
      const shown: unknown[] = [];
      pipe(
        client.query<Answer>(DETAIL, {}),
        subscribe(({ data, error, stale }: OperationResult<Answer>) => {
          assert.equal(error, undefined);
          if (!stale) shown.push(data?.execution);
        }),
      );
      return shown;
    },
    cancel: async () => assert.ok((await client.mutation(CANCEL, {}).toPromise()).data),
    status: () =>
      new Promise((resolve) => {
        const told: unknown[] = [];
        pipe(
          client.subscription<{ executionStatus: Answer }>(STATUS, {}),
          subscribe(({ data }) => {
            told.push(data?.executionStatus.execution);
            if (told.length === 2) resolve(told);
          }),
        );
      }),
  };
}

function apolloApp(server: Server, live: Live): App {
  const client = apollo(server.fetch, live);
  return {
    detail() {
      const shown: unknown[] = [];
      client.watchQuery<Answer>({ query: gql(DETAIL) }).subscribe(({ data, dataState, error }) => {
        assert.equal(error, undefined);
        if (dataState === 'complete') shown.push(data.execution);
      });
      return shown;
    },
    cancel: async () => assert.ok((await client.mutate({ mutation: gql(CANCEL) })).data),
    status: () =>
      new Promise((resolve) => {
        const told: unknown[] = [];
        client
          .subscribe<{ executionStatus: Answer }>({ query: gql(STATUS) })
          .subscribe({ next: ({ data }) => told.push(data?.executionStatus.execution), complete: () => resolve(told) });
      }),
  };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 1));

async function settled(): Promise<void> {
  for (let turns = 0; turns < 20; turns += 1) await turn();
}

for (const [name, makeApp] of [['urql', urqlApp], ['Apollo', apolloApp]] as const) {
  const start = () => {
    const server = new Server();
    const live = new Live({ url: 'http://server.invalid/graphql', ways: ['sse'], fetch: server.fetch });
    return { server, live, app: makeApp(server, live) };
  };

  test(`${name}: an answer that is behind by more than is known is asked for again, and shown whole`, async () => {
    const { server, live, app } = start();
    const shown = app.detail();
    await app.cancel();
    server.arrive();
    await settled();
    assert.deepEqual(shown, [after]);
    assert.deepEqual(server.asked, ['Detail', 'Cancel', 'Detail']);
    live.dispose();
  });

  test(`${name}: it is asked for once, though the second answer be no better`, async () => {
    const { server, live, app } = start();
    server.second = before;
    const shown = app.detail();
    await app.cancel();
    server.arrive();
    await settled();
    assert.deepEqual(shown, [{ ...before, revision: 9, status: 'FAILED' }]);
    assert.deepEqual(server.asked, ['Detail', 'Cancel', 'Detail']);
    live.dispose();
  });

  test(`${name}: an event that is behind asks for nothing: the next one brings it`, async () => {
    const { server, live, app } = start();
    await app.cancel();
    assert.deepEqual(await app.status(), [{ ...before, revision: 9, status: 'FAILED' }, after]);
    await settled();
    assert.deepEqual(server.asked, ['Cancel', 'Status']);
    live.dispose();
  });
}
