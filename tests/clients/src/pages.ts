// What an app with a list page and a detail page must find, whatever library it is made with. `apollo.test.ts` and
// `urql.test.ts` make the app, and run these.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Way } from '../../../clients/src/index.ts';
import type {
  CancelMutation,
  DetailQuery,
  LaunchExecutionInput,
  LaunchMutation,
  ListQuery,
  ListQueryVariables,
} from './gql/graphql.ts';
import { startProxy, type Proxy } from './proxy.ts';
import { reasonOf } from './refusals.ts';
import { startServer, type Server } from './server.ts';
import { until } from './waiting.ts';

/** An app under test: one client with its cache. */
export interface App {
  list(variables: ListQueryVariables): ListPage;
  detail(id: string): DetailPage;
  launch(input: LaunchExecutionInput): Promise<LaunchMutation['launchExecution']>;
  cancel(id: string): Promise<CancelMutation['cancelExecution']>;
  close(): void;
}

export interface ListPage {
  data(): ListQuery['executions'] | undefined;
  /** The next page. */
  more(): Promise<void>;
}

export interface DetailPage {
  data(): DetailQuery['execution'] | undefined;
  isOver(): boolean;
}

/** How an app reaches the server. */
export interface Setting {
  readonly url: string;
  readonly token: () => string;
  readonly ways: readonly Way[];
  readonly fetch: typeof fetch;
  /** Lists that the page subscribes to; else they are only queried. */
  readonly isLive: boolean;
}

/** Holds requests up, and counts them. */
class Road {
  requests = 0;
  /** What the server has answered, also where it has not reached the app yet. */
  readonly answers: string[] = [];
  #held: Promise<void> = Promise.resolve();

  /** Answers that are read from the server now reach the app only after the returned function was called. */
  hold(): () => void {
    let release = () => {};
    this.#held = new Promise((resolve) => (release = resolve));
    return release;
  }

  readonly fetch: typeof fetch = async (input, init) => {
    this.requests += 1;
    const held = this.#held;
    const answer = await fetch(input, init);
    this.answers.push(await answer.clone().text());
    await held;
    return answer;
  };
}

export function pages(name: string, makeApp: (setting: Setting) => App): void {
  describe(name, () => {
    let server: Server;
    let proxy: Proxy;
    const apps: App[] = [];
    before(async () => {
      server = await startServer();
      proxy = await startProxy(server.port);
    });
    afterEach(() => {
      proxy.cutWithin(0);
      for (const app of apps.splice(0)) app.close();
    });
    after(async () => {
      await proxy.close();
      await server.stop();
    });

    const open = (setting: Partial<Setting> = {}) => {
      const road = new Road();
      const app = makeApp({
        url: proxy.url,
        token: () => server.token,
        ways: ['websocket'],
        fetch: road.fetch,
        isLive: true,
        ...setting,
      });
      apps.push(app);
      return { app, road };
    };

    interface Row {
      readonly id: string;
      readonly revision: number;
      readonly status: string;
    }
    const rowsOf = (data: ListQuery['executions'] | undefined) =>
      (data?.edges ?? []).map(({ node: { id, revision, status } }): Row => ({ id, revision, status }));
    const truth = async (variables: ListQueryVariables, first: number) => {
      const { executions } = await server.ask<{
        executions: { nodes: Row[]; totalCount: number; statusCounts: { status: string; count: number }[] };
      }>(
        `query ($filter: ExecutionFilter, $orderBy: ExecutionOrder, $first: Int) {
          executions(filter: $filter, orderBy: $orderBy, first: $first) {
            nodes { id revision status } totalCount statusCounts { status count }
          }
        }`,
        { ...variables, first },
      );
      return executions;
    };
    /** The list is what the server would answer: as many rows as it holds, or all. */
    const isRight = async (list: ListPage, variables: ListQueryVariables) => {
      const data = list.data();
      if (data === undefined) return false;
      const { nodes, totalCount, statusCounts } = await truth(
        variables,
        data.pageInfo.hasNextPage ? data.edges.length : 100,
      );
      const counts = data.statusCounts.map(({ status, count }) => ({ status, count }));
      return (
        JSON.stringify(rowsOf(data)) === JSON.stringify(nodes) &&
        data.totalCount === totalCount &&
        JSON.stringify(counts) === JSON.stringify(statusCounts)
      );
    };
    const allOver = (label: string) =>
      until(
        async () => (await truth({ filter: { labels: [label], statuses: ['PENDING', 'IN_PROGRESS'] } }, 0)).totalCount === 0,
        'all executions end',
      );
    const endSlow = async (id: string) =>
      server.ask('mutation ($id: ID!) { cancelExecution(input: { id: $id }) { execution { id } } }', { id });

    for (const orderBy of [
      { field: 'CREATED_AT', direction: 'DESC' },
      { field: 'FINISHED_AT', direction: 'DESC' },
      { field: 'STARTED_AT', direction: 'ASC' },
      { field: 'DURATION', direction: 'DESC' },
    ] as const) {
      test(`a list by ${orderBy.field} ${orderBy.direction} stays right from executionsChanged alone`, async () => {
        const label = `${name}-${orderBy.field}`;
        const variables = { filter: { labels: [label] }, orderBy, first: 3 };
        for (let i = 0; i < 7; i += 1) await server.launch('noop', [label]);
        await allOver(label);
        const { app, road } = open();
        const list = app.list(variables);
        await until(() => list.data() !== undefined, 'the first page');
        await list.more();
        await until(() => list.data()?.edges.length === 6, 'the second page');
        const before = road.requests;
        const slow = [await server.launch('slow', [label]), await server.launch('slow', [label])];
        await server.launch('stubborn', [label]);
        await Promise.all(Array.from({ length: 4 }, () => server.launch('noop', [label])));
        for (const id of slow) await endSlow(id);
        await allOver(label);
        await until(() => isRight(list, variables), 'the list is what the server would answer');
        assert.equal(road.requests, before, 'the list asked the server again');
        // And pages go on from there.
        while (list.data()?.pageInfo.hasNextPage) await list.more();
        await until(() => isRight(list, variables), 'the whole list is right');
        assert.equal(list.data()?.edges.length, 14);
      });
    }

    test('a list of those in progress fills and empties', async () => {
      const label = `${name}-progress`;
      const variables = { filter: { labels: [label], statuses: ['IN_PROGRESS' as const] }, first: 10 };
      const { app, road } = open();
      const list = app.list(variables);
      await until(() => list.data() !== undefined, 'the first page');
      const before = road.requests;
      const slow = [await server.launch('slow', [label]), await server.launch('slow', [label])];
      await until(() => list.data()?.edges.length === 2, 'both enter');
      await until(() => isRight(list, variables), 'and are right');
      for (const id of slow) await endSlow(id);
      await until(() => list.data()?.edges.length === 0, 'both leave');
      assert.equal(road.requests, before);
    });

    test('a detail page, and each list that shows the execution, stays right from executionStatus alone', async () => {
      const label = `${name}-detail`;
      const id = await server.launch('slow', [label]);
      const { app, road } = open({ isLive: false });
      const list = app.list({ filter: { labels: [label] }, first: 3 });
      const detail = app.detail(id);
      await until(() => detail.data()?.status === 'IN_PROGRESS', 'it runs');
      await until(() => list.data() !== undefined, 'the list');
      const before = road.requests;
      await endSlow(id);
      await until(() => detail.data()?.status === 'FAILED', 'the detail page tells the end');
      await until(() => detail.isOver(), 'the stream is over');
      assert.equal(detail.data()?.failure?.category, 'CANCELED');
      assert.equal(typeof detail.data()?.failure?.explanation, 'string');
      assert.deepEqual(rowsOf(list.data()).map(({ status }) => status), ['FAILED']);
      assert.equal(road.requests, before);
    });

    test('an answer that was on its way for long does not set an execution back', async () => {
      const label = `${name}-behind`;
      const id = await server.launch('slow', [label]);
      const { app, road } = open();
      const detail = app.detail(id);
      await until(() => detail.data()?.status === 'IN_PROGRESS', 'it runs');
      const release = road.hold();
      const answered = road.answers.length;
      const list = app.list({ filter: { labels: [label] }, first: 3 });
      await until(() => road.answers.length > answered, 'the list is answered');
      const { data } = JSON.parse(road.answers.at(-1) ?? '') as { data: Pick<ListQuery, 'executions'> };
      assert.deepEqual(rowsOf(data.executions).map((row) => [row.id, row.status]), [[id, 'IN_PROGRESS']]);
      await endSlow(id);
      await until(() => detail.data()?.status === 'FAILED', 'the end is told');
      release();
      await until(() => list.data() !== undefined, 'the list arrives');
      assert.deepEqual(rowsOf(list.data()).map(({ status }) => status), ['FAILED']);
      assert.equal(detail.data()?.status, 'FAILED');
    });

    test('over a network that cuts every socket, both pages end up right', async () => {
      const label = `${name}-cuts`;
      const variables = { filter: { labels: [label] }, first: 5 };
      const id = await server.launch('slow', [label]);
      // Queries go by a good road: this is about the streams.
      const { app } = open({ fetch: (input, init) => fetch(String(input).replace(proxy.url, server.url), init) });
      const list = app.list(variables);
      const detail = app.detail(id);
      await until(() => list.data() !== undefined && detail.data() != null, 'both pages');
      const cuts = proxy.cuts;
      proxy.cutWithin(100);
      for (let i = 0; i < 15; i += 1) await server.launch('noop', [label]);
      await endSlow(id);
      await allOver(label);
      await until(() => proxy.cuts > cuts, 'it is cut');
      // Where a connection takes longer to open than it lasts nothing comes through at all: from here on it may last.
      proxy.cutWithin(0);
      await until(() => detail.data()?.status === 'FAILED' && detail.isOver(), 'the detail page tells the end');
      await until(() => isRight(list, variables), 'the list is right');
    });

    test('where no stream gets through, the list is right by polling', async () => {
      const label = `${name}-polls`;
      const variables = { filter: { labels: [label] }, first: 5 };
      const { app } = open({ ways: ['polling'] });
      const list = app.list(variables);
      await until(() => list.data() !== undefined, 'the first page');
      for (let i = 0; i < 3; i += 1) await server.launch('noop', [label]);
      await allOver(label);
      await until(() => isRight(list, variables), 'the list is right');
    });

    test('a launch with a file', async () => {
      const { app } = open();
      const agentId = await server.agent('invoice-scanning');
      const content = await readFile(server.invoice);
      const { execution, errors, created } = await app.launch({
        agentId,
        executionKey: 'invoice-scanning',
        files: [new File([content], 'invoice.csv', { type: 'text/csv' })],
      });
      assert.deepEqual(errors, []);
      assert.equal(created, true);
      assert.deepEqual(execution?.files.map(({ filename, sizeBytes }) => [filename, sizeBytes]), [
        ['invoice.csv', content.byteLength],
      ]);
      const detail = app.detail(execution.id);
      await until(() => detail.isOver(), 'it ends');
      // A cache may tell a moment after the stream did.
      await until(() => detail.data()?.status === 'FINISHED', 'the page says so');
      assert.ok(detail.data()?.result, 'it has a result');
    });

    test('refusals are told apart, each with its detail', async () => {
      const { app } = open();
      const agentId = await server.agent('invoice-scanning');
      const executionKey = 'invoice-scanning';
      const key = `${name}-key`;
      const reasons = async (input: Partial<LaunchExecutionInput>) =>
        (await app.launch({ agentId, executionKey, ...input })).errors.map(reasonOf);
      assert.deepEqual(await reasons({ input: { skus: 'no list', colour: 3 } }), ['input: /skus type,  additionalProperties']);
      assert.deepEqual(await reasons({ agentId: 'agt_00000000000070008000000000000000' }), ['not found: input.agentId']);
      assert.deepEqual(await reasons({ executionKey: 'nope' }), ['no such type: has invoice-scanning']);
      assert.deepEqual(await reasons({ expectedSchemaVersion: 'old' }), ['schema changed']);
      assert.deepEqual(await reasons({ ttlSeconds: -1 }), ['argument: input.ttlSeconds']);
      assert.deepEqual(await reasons({ files: [new File([new Uint8Array([0, 1, 2])], 'x.exe')] }), ['file x.exe: EXTENSION']);
      assert.deepEqual(await reasons({ idempotency: { key } }), []);
      assert.deepEqual(await reasons({ idempotency: { key } }), []);
      assert.deepEqual(await reasons({ idempotency: { key, onDuplicate: 'REJECT' } }), ['key in use: DUPLICATE']);
      assert.deepEqual(await reasons({ idempotency: { key }, labels: ['other'] }), ['key in use: IDEMPOTENCY_CONFLICT']);
      const done = await server.launch('noop');
      await until(async () => (await truth({ filter: { ids: [done], statuses: ['FINISHED'] } }, 0)).totalCount === 1, 'it ends');
      const { errors } = await app.cancel(done);
      assert.deepEqual(errors.map(({ __typename, code }) => [__typename, code]), [
        ['ExecutionAlreadyTerminalError', 'EXECUTION_ALREADY_TERMINAL'],
      ]);
    });
  });
}
