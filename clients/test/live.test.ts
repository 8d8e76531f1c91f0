// `Live` over servers that answer by a script.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Live, type LiveOptions } from '../src/live.ts';
import type { Result } from '../src/types.ts';
import { Socket } from './socket.ts';

const LOG = `subscription Log($after: StreamCursor) {
  conversationEvents(id: "cnv_1", after: $after) { cursor sequence }
}`;

/** One event of a log, and one whose resolver failed: it has no cursor, and the source goes on. */
const logged = (sequence: number): Result => ({ data: { conversationEvents: { cursor: `c${sequence}`, sequence } } });
const fault: Result = {
  data: null,
  errors: [{ message: 'internal error', path: ['conversationEvents', 'execution'], extensions: { code: 'INTERNAL' } }],
};

/** A response of server-sent events. */
function eventStream(results: readonly Result[]): Response {
  const written = results.map((result) => {
    const { cursor } = (result.data?.['conversationEvents'] ?? {}) as { cursor?: string };
    return `${cursor === undefined ? '' : `id: ${cursor}\n`}event: next\ndata: ${JSON.stringify(result)}\n\n`;
  });
  return new Response([':\n\n', ...written, 'event: complete\ndata:\n\n'].join(''), {
    headers: { 'content-type': 'text/event-stream' },
  });
}

/** What a listener is given until the log completes. */
const heard = (options: Partial<LiveOptions>) =>
  new Promise<unknown[]>((resolve, reject) => {
    const live = new Live({ url: 'http://server.invalid/graphql', backoff: { baseMs: 1, capMs: 1 }, ...options });
    const told: unknown[] = [];
    live.subscribe(
      { query: LOG },
      {
        next: ({ data, errors }) =>
          told.push((data?.['conversationEvents'] as { sequence: number } | undefined)?.sequence ?? errors),
        error: reject,
        complete: () => {
          live.dispose();
          resolve(told);
        },
      },
    );
  });

/** The upgrade is taken and never answered. */
class Hanging {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  static opened = 0;
  readonly readyState = Hanging.CONNECTING;

  constructor() {
    Hanging.opened += 1;
  }

  close(): void {}
}

test('a proxy that never answers an upgrade is one that blocks it: the next worse way is taken', async () => {
  const asked = await new Promise<Headers>((resolve) => {
    const live = new Live({
      url: 'http://server.invalid/graphql',
      WebSocket: Hanging,
      openMs: 5,
      backoff: { baseMs: 1, capMs: 1 },
      fetch: (_, init) => {
        live.dispose();
        resolve(new Headers(init?.headers));
        return Promise.reject(new TypeError('over'));
      },
    });
    live.subscribe(
      { query: 'subscription S($after: StreamCursor) { executionsChanged(after: $after) { cursor } }' },
      { next: () => {}, error: () => {}, complete: () => {} },
    );
  });
  assert.equal(asked.get('accept'), 'text/event-stream');
  // Once: a second try would hang for as long.
  assert.equal(Hanging.opened, 1);
});

/** The fault comes once, for the second event, and the third is on its way behind it. */
const script = [
  [logged(1), fault, logged(3)],
  [logged(2), logged(3)],
];

test('over server-sent events a fault of one event skips none: the stream goes on behind the last that was whole', async () => {
  const asked: unknown[] = [];
  const told = await heard({
    ways: ['sse'],
    fetch: (_, init) => {
      asked.push((JSON.parse(String(init?.body)) as { variables: { after: unknown } }).variables.after);
      return Promise.resolve(eventStream(script[asked.length - 1] ?? []));
    },
  });
  assert.deepEqual(asked, [null, 'c1']);
  assert.deepEqual(told, [1, 2, 3]);
});

test('over a WebSocket a fault of one event skips none: the stream goes on behind the last that was whole', async () => {
  const asked: unknown[] = [];
  const told = await heard({
    ways: ['websocket'],
    WebSocket: Socket.of({
      subscribed(socket, id, after) {
        asked.push(after);
        for (const result of script[asked.length - 1] ?? []) socket.say({ type: 'next', id, payload: result });
        socket.say({ type: 'complete', id });
      },
    }),
  });
  assert.deepEqual(asked, [null, 'c1']);
  assert.deepEqual(told, [1, 2, 3]);
});

test('a fault that does not pass is told, with what came before it and what comes after it', async () => {
  let requests = 0;
  const told = await heard({
    ways: ['sse'],
    fetch: () => {
      requests += 1;
      const rest = requests > 6 ? [] : [fault, logged(3)];
      return Promise.resolve(eventStream(requests === 1 ? [logged(1), ...rest] : rest));
    },
  });
  assert.equal(requests, 6);
  assert.deepEqual(told, [1, fault.errors, 3]);
});

/** The upgrade is taken, and refused at once or when the test says so. */
class Refused {
  readonly readyState = Socket.CONNECTING;
  onclose: ((event: { code: number; reason: string; wasClean: boolean }) => void) | null = null;

  close(): void {}

  refuse(): void {
    this.onclose?.({ code: 1006, reason: '', wasClean: false });
  }
}

/** Events that have begun, and go on until they are aborted. */
const endless = (signal: AbortSignal | null | undefined) =>
  new Response(
    new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(':\n\n'));
        signal?.addEventListener('abort', () => controller.error(new TypeError('aborted')));
      },
    }),
    { headers: { 'content-type': 'text/event-stream' } },
  );

test('who asks for a better way while one is looked for is not forgotten: it is looked for once more, at once', { timeout: 60_000 }, async () => {
  const refused: Refused[] = [];
  let told = () => {};
  const isSo = (holds: () => boolean) =>
    new Promise<void>((resolve) => {
      told = () => holds() && resolve();
      told();
    });
  const Works = Socket.of({ subscribed: () => {} }) as new () => object;
  const live = new Live({
    url: 'http://server.invalid/graphql',
    ways: ['websocket', 'sse'],
    // Two that decide for events, one that looks for better; what comes after them goes through.
    WebSocket: class extends Socket {
      constructor() {
        super({ subscribed: () => {} });
        if (refused.length === 3) return new Works() as Socket;
        const one = new Refused();
        refused.push(one);
        if (refused.length < 3) setImmediate(() => one.refuse());
        told();
        return one as unknown as Socket;
      }
    },
    fetch: (_, init) => Promise.resolve(endless(init?.signal)),
    backoff: { baseMs: 1, capMs: 1 },
    betterMs: 3_600_000,
    onState: () => told(),
  });
  live.subscribe({ query: LOG }, { next: () => {}, error: () => {}, complete: () => {} });
  await isSo(() => live.state.status === 'live' && live.state.way === 'sse');
  live.reconnect();
  await isSo(() => refused.length === 3);
  live.reconnect();
  refused[2]?.refuse();
  await isSo(() => live.state.status === 'live' && live.state.way === 'websocket');
  live.dispose();
});

test('a stream that begins while the idle socket closes goes by the next one, at once', async () => {
  const sockets = new Set<Socket>();
  let closes = () => {};
  const closed = new Promise<void>((resolve) => (closes = resolve));
  const states: string[] = [];
  const live = new Live({
    url: 'http://server.invalid/graphql',
    ways: ['websocket'],
    WebSocket: Socket.of({
      subscribed(socket, id, after) {
        sockets.add(socket);
        socket.say({ type: 'next', id, payload: logged(after === 'c1' ? 2 : 1) });
      },
      closing: () => closes(),
    }),
    onState: ({ status }) => states.push(status),
  });
  const first = (after: string | null) =>
    new Promise<Result>((resolve) => {
      const stop = live.subscribe(
        { query: LOG, variables: { after } },
        {
          next: (result) => {
            stop();
            resolve(result);
          },
          error: () => {},
          complete: () => {},
        },
      );
    });
  assert.deepEqual(await first(null), logged(1));
  await closed;
  assert.deepEqual(await first('c1'), logged(2));
  live.dispose();
  assert.equal(sockets.size, 2);
  assert.deepEqual(states, ['connecting', 'live', 'idle', 'connecting', 'live', 'idle']);
});
