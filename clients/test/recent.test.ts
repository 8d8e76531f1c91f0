// Changes that came lately, in both caches: a page is brought up to those of its own stream, and to no others.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gql } from '@apollo/client';
import type { OperationResult } from '@urql/core';
import { pipe, subscribe } from 'wonka';
import { applyExecutionsChanged } from '../src/apollo.ts';
import { Live } from '../src/live.ts';
import type { Change, Edge, Frame, Row } from '../src/types.ts';
import { apollo, urql } from './apps.ts';

const ROW = '__typename cursor node { __typename id revision createdAt }';
const LIST = `query List($filter: ExecutionFilter) {
  executions(filter: $filter, orderBy: { field: CREATED_AT, direction: DESC }) {
    __typename
    streamCursor
    edges { ${ROW} }
    pageInfo { __typename hasNextPage hasPreviousPage endCursor }
  }
}`;
// The same list in other words: its filter is written out, and its order a variable's default.
const CHANGES = `subscription Changes(
  $after: StreamCursor
  $orderBy: ExecutionOrder = { field: CREATED_AT, direction: DESC }
) {
  executionsChanged(after: $after, orderBy: $orderBy, filter: { statuses: [IN_PROGRESS] }) {
    __typename
    cursor
    resync
    changes {
      __typename
      ... on ExecutionEntered { edge { ${ROW} } }
      ... on ExecutionLeft { executionId execution { __typename id revision } }
    }
  }
}`;
const filter = { statuses: ['IN_PROGRESS'] };
const orderBy = { field: 'CREATED_AT', direction: 'DESC' } as const;

const edge = (id: string, revision: number): Edge<Row> =>
  ({
    __typename: 'ExecutionEdge',
    cursor: `at ${id}`,
    node: { __typename: 'Execution', id, revision, createdAt: '2026-01-01T00:00:00Z' },
  }) as Edge<Row>;
const entered = (id: string, revision: number): Change<Row> => ({ __typename: 'ExecutionEntered', edge: edge(id, revision) });
const left = (id: string, revision: number): Change<Row> =>
  ({ __typename: 'ExecutionLeft', executionId: id, execution: { __typename: 'Execution', id, revision } }) as Change<Row>;

/** What the list holds, and what its streams are told. */
class Server {
  rows: Edge<Row>[] = [];
  /** What a page waits for after it was read. */
  road: Promise<void> = Promise.resolve();
  pages = 0;
  streams = 0;
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined;

  readonly fetch = async (_: unknown, init?: RequestInit): Promise<Response> => {
    const { query } = JSON.parse(String(init?.body)) as { query: string };
    if (query.startsWith('subscription')) {
      this.streams += 1;
      const body = new ReadableStream<Uint8Array>({
        start: (stream) => {
          this.#stream = stream;
          init?.signal?.addEventListener('abort', () => stream.error(new DOMException('over', 'AbortError')));
        },
      });
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    }
    this.pages += 1;
    const executions = {
      __typename: 'ExecutionConnection',
      streamCursor: `page ${this.pages}`,
      edges: this.rows,
      pageInfo: { __typename: 'PageInfo', hasNextPage: false, hasPreviousPage: false, endCursor: null },
    };
    await this.road;
    return new Response(JSON.stringify({ data: { executions } }), { headers: { 'content-type': 'application/json' } });
  };

  tell(change: Change<Row>): void {
    const executionsChanged = { __typename: 'ExecutionsChange', cursor: 'told', resync: false, changes: [change] };
    const data = JSON.stringify({ data: { executionsChanged } });
    this.#stream?.enqueue(new TextEncoder().encode(`id: told\nevent: next\ndata: ${data}\n\n`));
  }
}

/** A page that shows the list, and is told its changes once it has it. */
interface Page {
  ids(): string[] | undefined;
  again(): void;
  close(): void;
}

interface App {
  open(): Page;
}

type Answer = { executions: { streamCursor: string; edges: Edge<Row>[] } };

function urqlApp(server: Server, live: Live): App {
  const client = urql(server.fetch, live);
  return {
    open() {
      let data: Answer | undefined;
      let changes: { unsubscribe(): void } | undefined;
      const ask = () =>
        pipe(
          client.query<Answer>(LIST, { filter }, { requestPolicy: 'network-only' }),
          subscribe((result: OperationResult<Answer>) => {
            assert.equal(result.error, undefined);
            data = result.data;
            changes ??= pipe(
              client.subscription(CHANGES, { after: data?.executions.streamCursor }),
              subscribe(({ error }) => assert.equal(error, undefined)),
            );
          }),
        );
      const asked = [ask()];
      return {
        ids: () => data?.executions.edges.map(({ node }) => node.id),
        again: () => void asked.push(ask()),
        close() {
          for (const page of asked) page.unsubscribe();
          changes?.unsubscribe();
        },
      };
    },
  };
}

function apolloApp(server: Server, live: Live): App {
  const client = apollo(server.fetch, live);
  return {
    open() {
      const query = client.watchQuery<Answer>({ query: gql(LIST), variables: { filter }, fetchPolicy: 'network-only' });
      let data: Answer | undefined;
      let changes: { unsubscribe(): void } | undefined;
      const asked = query.subscribe((result) => {
        assert.equal(result.error, undefined);
        if (result.dataState !== 'complete') return;
        data = result.data as Answer;
        changes ??= client
          .subscribe<{ executionsChanged: Frame<Row> }>({
            query: gql(CHANGES),
            variables: { after: data.executions.streamCursor },
          })
          .subscribe(({ data: frame, error }) => {
            assert.equal(error, undefined);
            if (frame) applyExecutionsChanged(client.cache, { filter, orderBy }, frame.executionsChanged as Frame<Row>);
          });
      });
      return {
        ids: () => data?.executions.edges.map(({ node }) => node.id),
        again: () => void query.refetch(),
        close() {
          asked.unsubscribe();
          changes?.unsubscribe();
        },
      };
    },
  };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 1));

async function until(holds: () => boolean): Promise<void> {
  for (let turns = 0; turns < 1_000 && !holds(); turns += 1) await turn();
  assert.ok(holds());
}

/** After what takes a few turns of the event loop, and nobody's clock. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 10; turns += 1) await turn();
}

const shows = (page: Page, ...ids: string[]) => until(() => JSON.stringify(page.ids()) === JSON.stringify(ids));

for (const [name, makeApp] of [['urql', urqlApp], ['Apollo', apolloApp]] as const) {
  const start = () => {
    const server = new Server();
    const live = new Live({ url: 'http://server.invalid/graphql', ways: ['sse'], fetch: server.fetch });
    return { server, live, app: makeApp(server, live) };
  };

  test(`${name}: what ended while nobody followed its list does not come back with a later page`, async () => {
    const { server, live, app } = start();
    const first = app.open();
    await until(() => server.streams === 1);
    server.tell(entered('exe_x', 2));
    await shows(first, 'exe_x');
    first.close();
    // It finishes: the next page is without it, and the next stream begins behind that.
    const second = app.open();
    await until(() => server.streams === 2);
    await settled();
    assert.deepEqual(second.ids(), []);
    second.close();
    live.dispose();
  });

  test(`${name}: what came back while nobody followed its list is not taken from a later page`, async () => {
    const { server, live, app } = start();
    server.rows = [edge('exe_x', 2)];
    const first = app.open();
    await until(() => server.streams === 1);
    server.tell(left('exe_x', 3));
    await shows(first);
    first.close();
    server.rows = [edge('exe_x', 4)];
    const second = app.open();
    await until(() => server.streams === 2);
    await settled();
    assert.deepEqual(second.ids(), ['exe_x']);
    second.close();
    live.dispose();
  });

  test(`${name}: a page that was on its way is brought up to what its stream told meanwhile`, async () => {
    const { server, live, app } = start();
    const page = app.open();
    await until(() => server.streams === 1);
    let arrive = () => {};
    server.road = new Promise<void>((resolve) => (arrive = resolve));
    page.again();
    await until(() => server.pages === 2);
    server.tell(entered('exe_x', 2));
    await settled();
    arrive();
    await settled();
    await shows(page, 'exe_x');
    page.close();
    live.dispose();
  });
}
