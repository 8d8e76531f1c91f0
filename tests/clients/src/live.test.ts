// `Live` over bad networks: nothing is missed, whatever breaks, and by whichever way the events come.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import WebSocket, { WebSocketServer } from 'ws';
import { Live, RefusedError, type LiveOptions, type LiveState, type Result } from '../../../clients/src/index.ts';
import { isEventStream, isUpgrade, startProxy, type Proxy } from './proxy.ts';
import { startServer, type Server } from './server.ts';
import { until } from './waiting.ts';

const EVENTS = `subscription Events($id: ID!, $after: StreamCursor) {
  conversationEvents(id: $id, after: $after) { __typename id sequence cursor }
}`;
const STATUS = `subscription Status($id: ID!, $after: StreamCursor) {
  executionStatus(id: $id, after: $after) { cursor status isTerminal skipped execution { id revision status } }
}`;
const SET = `subscription Set($after: StreamCursor, $filter: ExecutionFilter) {
  executionsChanged(after: $after, filter: $filter) {
    cursor resync
    changes {
      __typename
      ... on ExecutionEntered { edge { cursor node { id revision createdAt } } }
      ... on ExecutionUpdated { edge { cursor node { id revision createdAt } } }
      ... on ExecutionLeft { executionId execution { id revision } }
    }
  }
}`;

interface Heard {
  readonly results: Result[];
  readonly isComplete: boolean;
  readonly error: unknown;
  stop(): void;
}

function listen(live: Live, query: string, variables: Record<string, unknown>): Heard {
  const heard = { results: [] as Result[], isComplete: false, error: undefined as unknown, stop: () => {} };
  heard.stop = live.subscribe(
    { query, variables },
    {
      next: (result) => heard.results.push(result),
      error: (error) => (heard.error = error),
      complete: () => (heard.isComplete = true),
    },
  );
  return heard;
}

const payloads = (heard: Heard, field: string) =>
  heard.results.map(({ data, errors }) => {
    assert.equal(errors, undefined, JSON.stringify(errors));
    return data?.[field] as Record<string, unknown>;
  });

describe('Live', () => {
  let server: Server;
  let proxy: Proxy;
  before(async () => {
    server = await startServer();
    proxy = await startProxy(server.port);
  });
  after(async () => {
    await proxy.close();
    await server.stop();
  });

  const open = (options: Partial<LiveOptions> = {}) =>
    new Live({
      url: proxy.url,
      token: () => server.token,
      WebSocket,
      backoff: { baseMs: 5, capMs: 40 },
      pollMs: 50,
      ...options,
    });

  const launchInvoice = async () => {
    const agentId = await server.agent('invoice-scanning');
    const { launchExecution } = await server.ask<{
      launchExecution: { execution: { id: string; conversation: { id: string } } };
    }>(
      `mutation ($input: LaunchExecutionInput!) { launchExecution(input: $input) { execution { id conversation { id } } } }`,
      { input: { agentId, executionKey: 'invoice-scanning', input: { skus: ['MUG-001'] } } },
    );
    return launchExecution.execution;
  };

  /** What the server stored, to hold what was heard against. */
  const stored = async (conversation: string) => {
    const { node } = await server.ask<{ node: { events: { events: { id: string }[]; hasMore: boolean } } }>(
      `query ($id: ID!) { node(id: $id) { ... on Conversation { events(first: 100) { events { id } hasMore } } } }`,
      { id: conversation },
    );
    assert.equal(node.events.hasMore, false);
    return node.events.events.map(({ id }) => id);
  };

  for (const way of ['websocket', 'sse', 'polling'] as const) {
    test(`over ${way}, cut at random, a log comes whole and in order, and a state to its end`, async () => {
      const live = open({ ways: [way] });
      const cutsBefore = proxy.cuts;
      proxy.cutWithin(150);
      const executions = await Promise.all(Array.from({ length: 6 }, launchInvoice));
      const heard = executions.map(({ id, conversation }) => ({
        conversation: conversation.id,
        log: listen(live, EVENTS, { id: conversation.id }),
        state: listen(live, STATUS, { id }),
      }));
      const areComplete = () => heard.every(({ log, state }) => log.isComplete && state.isComplete);
      // Where a connection takes longer to open than it lasts nothing comes through at all: not for ever.
      await until(() => areComplete() || proxy.cuts >= cutsBefore + 50, 'it is cut often');
      proxy.cutWithin(0);
      assert.ok(proxy.cuts > cutsBefore, 'the proxy cut nothing');
      await until(areComplete, 'every stream completes with its execution');
      for (const { conversation, log, state } of heard) {
        const events = payloads(log, 'conversationEvents');
        assert.deepEqual(events.map(({ id }) => id), await stored(conversation));
        assert.deepEqual(events.map(({ sequence }) => sequence), events.map((_, at) => at + 1));
        const updates = payloads(state, 'executionStatus');
        assert.equal(updates.at(-1)?.['isTerminal'], true);
        const revisions = updates.map(({ execution }) => (execution as { revision: number }).revision);
        assert.deepEqual(revisions, revisions.toSorted((a, b) => a - b));
      }
      live.dispose();
    });
  }

  test('a set goes on over cuts: every execution is told, and none by starting over', async () => {
    const live = open({ ways: ['websocket'] });
    const label = 'cut-set';
    const { executions } = await server.ask<{ executions: { streamCursor: string } }>('{ executions(first: 0) { streamCursor } }');
    const heard = listen(live, SET, { after: executions.streamCursor, filter: { labels: [label] } });
    const cutsBefore = proxy.cuts;
    proxy.cutWithin(120);
    const launched: string[] = [];
    for (let i = 0; i < 25; i += 1) launched.push(await server.launch('noop', [label]));
    await until(() => proxy.cuts > cutsBefore, 'it is cut');
    proxy.cutWithin(0);
    const told = () =>
      new Set(
        payloads(heard, 'executionsChanged').flatMap(({ changes }) =>
          (changes as { edge?: { node: { id: string } } }[]).flatMap(({ edge }) => (edge ? [edge.node.id] : [])),
        ),
      );
    await until(() => told().size === launched.length, 'every launch is told');
    assert.deepEqual([...told()].toSorted(), launched.toSorted());
    assert.ok(payloads(heard, 'executionsChanged').every(({ resync }) => resync === false));
    live.dispose();
  });

  test('WebSockets blocked: server-sent events; these held back too: queries; and back when they go again', async () => {
    const states: string[] = [];
    const live = open({
      openMs: 2_000,
      betterMs: 300,
      onState: ({ status, way }: LiveState) => states.push(`${status} ${way}`),
    });
    proxy.refuse(isUpgrade);
    proxy.swallow(isEventStream);
    const slow = await server.launch('slow');
    const heard = listen(live, STATUS, { id: slow });
    await until(() => live.state.status === 'live' && live.state.way === 'polling', 'it polls');
    await until(() => payloads(heard, 'executionStatus').some(({ status }) => status === 'IN_PROGRESS'), 'polls tell the state');
    proxy.swallow(() => false);
    proxy.refuse(() => false);
    await until(() => live.state.status === 'live' && live.state.way === 'websocket', 'it is back on a WebSocket');
    await server.ask('mutation ($id: ID!) { cancelExecution(input: { id: $id }) { execution { id } } }', { id: slow });
    await until(() => heard.isComplete, 'the end is told');
    assert.equal(payloads(heard, 'executionStatus').at(-1)?.['status'], 'FAILED');
    assert.equal(live.state.status, 'idle');
    assert.ok(states.includes('reconnecting sse'), states.join(', '));
    live.dispose();
  });

  test('events that go again are better than queries, while WebSockets stay blocked', async () => {
    const live = open({ openMs: 2_000, betterMs: 3_600_000 });
    proxy.refuse(isUpgrade);
    proxy.swallow(isEventStream);
    const slow = await server.launch('slow');
    const heard = listen(live, STATUS, { id: slow });
    await until(() => live.state.status === 'live' && live.state.way === 'polling', 'it polls');
    proxy.swallow(() => false);
    // Asked for until it is there: a look that takes longer than `openMs` has found nothing.
    const isOnEvents = () => {
      if (live.state.status === 'live' && live.state.way === 'sse') return true;
      live.reconnect();
      return false;
    };
    await until(isOnEvents, 'it is on server-sent events');
    await server.ask('mutation ($id: ID!) { cancelExecution(input: { id: $id }) { execution { id } } }', { id: slow });
    await until(() => heard.isComplete, 'the end is told');
    assert.equal(payloads(heard, 'executionStatus').at(-1)?.['status'], 'FAILED');
    proxy.refuse(() => false);
    live.dispose();
  });

  test('a set that is polled is told to be queried again when something changed, and only then', async () => {
    let polls = 0;
    const counted: typeof fetch = async (...asked) => {
      const answer = await fetch(...asked);
      polls += 1;
      return answer;
    };
    const live = open({ ways: ['polling'], fetch: counted });
    const heard = listen(live, SET, { filter: { labels: ['polled'] } });
    /** Ten polls in a row told nothing: nothing changes any more. */
    const rest = async () => {
      let frames = -1;
      let since = 0;
      await until(() => {
        if (frames !== heard.results.length) [frames, since] = [heard.results.length, polls];
        return polls >= since + 10;
      }, 'the polls tell nothing');
    };
    await until(() => heard.results.length > 0, 'the first frame');
    // What other tests have left behind comes to its end.
    await rest();
    const before = payloads(heard, 'executionsChanged');
    await server.launch('noop', ['polled']);
    await until(() => heard.results.length > before.length, 'a frame after the launch');
    await rest();
    const frames = payloads(heard, 'executionsChanged');
    assert.ok(frames.every(({ resync }) => resync === true));
    const cursors = frames.map(({ cursor }) => cursor);
    assert.equal(new Set(cursors).size, cursors.length, 'each frame tells a change of its own');
    live.dispose();
  });

  for (const way of ['websocket', 'sse', 'polling'] as const) {
    test(`over ${way} a token that expires in mid-stream is renewed, and the stream goes on`, async () => {
      const asked: boolean[] = [];
      const short = await server.newToken('2s');
      const live = open({
        ways: [way],
        token: (renew) => {
          asked.push(renew);
          return asked.includes(true) ? server.token : short;
        },
      });
      const slow = await server.launch('slow');
      const heard = listen(live, STATUS, { id: slow });
      await until(() => payloads(heard, 'executionStatus').some(({ status }) => status === 'IN_PROGRESS'), 'it runs');
      await until(() => asked.includes(true), 'the token is renewed');
      await until(() => live.state.status === 'live', 'it is connected again');
      await server.ask('mutation ($id: ID!) { cancelExecution(input: { id: $id }) { execution { id } } }', { id: slow });
      await until(() => heard.isComplete, 'the end is told');
      assert.equal(heard.error, undefined);
      assert.equal(payloads(heard, 'executionStatus').at(-1)?.['status'], 'FAILED');
      live.dispose();
    });

    test(`over ${way} credentials that stay refused are told`, async () => {
      const live = open({ ways: [way], token: () => 'not-a-token' });
      const heard = listen(live, STATUS, { id: 'exe_0' });
      await until(() => heard.error !== undefined, 'an error');
      assert.ok(heard.error instanceof RefusedError);
      assert.equal(live.state.status, 'refused');
      live.dispose();
    });

    test(`over ${way} a refusal of the operation is a result, and its end`, async () => {
      const live = open({ ways: [way] });
      const heard = listen(live, STATUS, { id: 'exe_00000000000070008000000000000000' });
      await until(() => heard.isComplete, 'the end');
      assert.deepEqual(heard.results.map(({ errors }) => errors?.[0]?.extensions?.['code']), ['NOT_FOUND']);
      live.dispose();
    });
  }

  test('a subscription that could not go on is refused before it is sent', () => {
    const live = open();
    const sink = { next: () => assert.fail(), error: () => assert.fail(), complete: () => assert.fail() };
    for (const query of [
      'subscription ($id: ID!) { executionStatus(id: $id) { cursor } }',
      'subscription ($id: ID!, $after: StreamCursor) { executionStatus(id: $id, after: $after) { status } }',
      'subscription ($id: ID!, $after: StreamCursor) { executionStatus(id: $id, after: $after) { c: cursor } }',
    ]) {
      assert.throws(() => live.subscribe({ query }, sink), /executionStatus could not go on after a cut/);
    }
    assert.throws(() => live.subscribe({ query: '{ __typename }' }, sink), /runs subscriptions/);
    live.dispose();
  });

  test('a server that is away for a moment is found again, and the stream goes on', async () => {
    const home = await startServer();
    const road = await startProxy(home.port);
    const live = new Live({ url: road.url, token: () => home.token, WebSocket, backoff: { baseMs: 5, capMs: 40 }, ways: ['websocket'] });
    const id = await home.launch('slow');
    const heard = listen(live, STATUS, { id });
    await until(() => heard.results.length > 0, 'the first state');
    road.refuse(() => true);
    road.cut();
    await until(() => live.state.status === 'reconnecting', 'it says that it reconnects');
    road.refuse(() => false);
    await until(() => live.state.status === 'live', 'it is back');
    assert.equal(heard.isComplete, false);
    await home.ask('mutation ($id: ID!) { cancelExecution(input: { id: $id }) { execution { id } } }', { id });
    await until(() => heard.isComplete, 'the end is told');
    assert.equal(payloads(heard, 'executionStatus').at(-1)?.['status'], 'FAILED');
    live.dispose();
    await road.close();
    await home.stop();
  });

  test('a normal closure is a cut: every stream goes on behind its own last cursor', async () => {
    // Ours never closes so; a proxy that finds a socket idle does.
    const closing = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'graphql-transport-ws' });
    await once(closing, 'listening');
    const asked: string[] = [];
    let sockets = 0;
    closing.on('connection', (socket) => {
      sockets += 1;
      const isFirst = sockets === 1;
      let streams = 0;
      socket.on('message', (text) => {
        const { type, id, payload } = JSON.parse(String(text)) as {
          type: string;
          id: string;
          payload: { variables: { id: string; after: string | null } };
        };
        if (type === 'connection_init') socket.send(JSON.stringify({ type: 'connection_ack' }));
        if (type !== 'subscribe') return;
        const { id: conversation, after } = payload.variables;
        asked.push(`${conversation} after ${after}`);
        const last = isFirst ? 2 : 3;
        for (let sequence = Number(after ?? 0) + 1; sequence <= last; sequence += 1) {
          const conversationEvents = { __typename: 'X', id: `${conversation}${sequence}`, sequence, cursor: String(sequence) };
          socket.send(JSON.stringify({ type: 'next', id, payload: { data: { conversationEvents } } }));
        }
        streams += 1;
        if (!isFirst) socket.send(JSON.stringify({ type: 'complete', id }));
        else if (streams === 2) socket.close(1000, 'idle');
      });
    });
    const { port } = closing.address() as AddressInfo;
    const live = open({ url: `http://127.0.0.1:${port}/graphql`, ways: ['websocket'] });
    const [a, b] = [listen(live, EVENTS, { id: 'a' }), listen(live, EVENTS, { id: 'b' })];
    await until(() => a.isComplete && b.isComplete, 'both logs complete');
    assert.deepEqual(asked.toSorted(), ['a after 2', 'a after null', 'b after 2', 'b after null']);
    for (const heard of [a, b]) {
      assert.deepEqual(payloads(heard, 'conversationEvents').map(({ sequence }) => sequence), [1, 2, 3]);
    }
    assert.equal(sockets, 2);
    live.dispose();
    closing.close();
  });
});
