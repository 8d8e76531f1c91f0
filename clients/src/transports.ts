// The three ways in which events reach a client: a WebSocket that all streams share, a response of server-sent events
// for each, and queries again and again. Each runs one stream from a cursor until that ends, and says how. None
// decides whether and when to try again: that is `live.ts`.

import { createClient, type Client } from 'graphql-ws';
import { eventsOf } from './event-stream.ts';
import type { Twin } from './twins.ts';
import type { GraphQLFault, Operation, Result } from './types.ts';

/** How a run ended. */
export type End =
  /** The server completed the stream. */
  | { readonly kind: 'complete' }
  /** It broke off. `wasOpen` says whether this way worked before that; `hung`, that it said nothing until our patience
   * ended, and would again. */
  | { readonly kind: 'cut'; readonly wasOpen: boolean; readonly hung?: boolean; readonly retryAfterMs?: number }
  /** The credentials do not hold (any longer). */
  | { readonly kind: 'refused' }
  /** The caller stopped it. */
  | { readonly kind: 'stopped' };

/** One stream to run. */
export interface Run {
  /** The operation, going on behind the last cursor. Asked for when the request goes out. */
  readonly operation: () => Operation;
  readonly after: () => string | undefined;
  readonly twin: () => Twin | null;
  readonly signal: AbortSignal;
  readonly onOpen: () => void;
  readonly onNext: (result: Result, cursor?: string) => void;
}

/** A way to run streams. */
export interface Transport {
  run(run: Run): Promise<End>;
  /** Whether this way works now, found out beside the one in use. */
  probe(operation: Operation): Promise<boolean>;
  /** Lets go of what is shared. */
  dispose(): void;
}

/** What all of them need. */
export interface Means {
  readonly url: string;
  readonly fetch: typeof fetch;
  readonly WebSocket: unknown;
  /** Headers or connection payload with the credentials of now. */
  readonly authorization: () => Promise<string | null>;
  readonly credentials: RequestCredentials;
  readonly headers: Readonly<Record<string, string>>;
  /** So long a way may take to give its first sign of life. */
  readonly openMs: number;
  /** So long without a further one and a connection counts as dead. */
  readonly silenceMs: number;
  readonly pollMs: number;
}

/** Codes of `extensions.code` that mean the credentials. */
const REFUSED = new Set(['UNAUTHENTICATED']);

/** A normal closure: by us when the socket is idle, by a server or a proxy whenever it likes. */
const NORMAL = 1000;

/** `WebSocket.CLOSING`, which Node 20 has not. */
const CLOSING = 2;

/** What graphql-ws says where we gave up on an upgrade, and where it did on the server's acknowledgement. */
const HUNG: ReadonlySet<number | undefined> = new Set([4499, 4504]);

/** graphql-transport-ws over one socket. */
export function webSocket(means: Means): Transport {
  const open = (on: { connected?: (socket: WebSocket) => void } = {}, lazy = true): Client => {
    let alive: ReturnType<typeof setTimeout> | undefined;
    let opening: ReturnType<typeof setTimeout> | undefined;
    const client = createClient({
      url: means.url.replace(/^http/, 'ws'),
      webSocketImpl: means.WebSocket,
      lazy,
      // A page that moves from one subscription to the next keeps its socket.
      lazyCloseTimeout: 1_000,
      // Ours to decide: theirs would send the old cursor again.
      retryAttempts: 0,
      shouldRetry: () => false,
      onNonLazyError: () => {},
      connectionAckWaitTimeout: means.openMs,
      keepAlive: Math.ceil(means.silenceMs / 3),
      connectionParams: async () => {
        const authorization = await means.authorization();
        return authorization === null ? {} : { authorization };
      },
      on: {
        // Some proxies take the upgrade and never answer it: the browser would wait for minutes.
        connecting: () => {
          clearTimeout(opening);
          opening = setTimeout(() => client.terminate(), means.openMs);
        },
        opened: () => clearTimeout(opening),
        ping: (received) => {
          // Browsers show no pings of the server's, so we ask, and a socket that does not answer is dead.
          if (!received) alive = setTimeout(() => client.terminate(), Math.ceil(means.silenceMs / 3));
        },
        pong: (received) => {
          if (received) clearTimeout(alive);
        },
        error: () => clearTimeout(opening),
        closed: () => {
          clearTimeout(alive);
          clearTimeout(opening);
        },
        connected: (socket) => on.connected?.(socket as WebSocket),
      },
    });
    return client;
  };
  let socket: WebSocket | undefined;
  const waiting = new Set<() => void>();
  const running = new Set<() => void>();
  const client = open({
    connected: (connected) => {
      socket = connected;
      for (const tell of [...waiting]) tell();
    },
  });
  client.on('closed', (event) => {
    socket = undefined;
    // After a normal closure graphql-ws connects again and sends what it was given, the old cursor, whatever it was
    // told about retries. Not for runs that are over.
    if (isCloseEvent(event) && event.code === NORMAL) for (const cut of [...running]) cut();
  });
  return {
    run: (run) =>
      new Promise<End>((resolve) => {
        let wasOpen = false;
        // Our own socket, idle for long enough: this run goes by the next one, which graphql-ws opens.
        let isForNext = socket?.readyState === CLOSING;
        const opened = () => {
          waiting.delete(opened);
          if (wasOpen || run.signal.aborted) return;
          wasOpen = true;
          run.onOpen();
        };
        const end = (how: End) => {
          waiting.delete(opened);
          running.delete(cut);
          resolve(run.signal.aborted ? { kind: 'stopped' } : how);
          // A run that is over and not stopped would keep the socket open, and be run again.
          stop();
        };
        const cut = (code?: number) => {
          if (isForNext) isForNext = false;
          else end({ kind: 'cut', wasOpen, hung: !wasOpen && HUNG.has(code) });
        };
        // The token ended: the stream is told so before the socket is closed. What goes on needs a socket of its own.
        const renew = () => {
          end({ kind: 'refused' });
          client.terminate();
        };
        const operation = run.operation();
        const stop = client.subscribe(
          { ...operation, variables: operation.variables ?? {} },
          {
            next: (result) => {
              if (isRefusal(result as Result)) renew();
              else run.onNext(result as Result);
            },
            complete: () => end({ kind: 'complete' }),
            error: (error) => {
              if (Array.isArray(error)) {
                // The operation was refused, not the connection.
                const how = endOfRefusal(run, error as GraphQLFault[]);
                if (how.kind === 'refused') renew();
                else end(how);
                return;
              }
              const code = isCloseEvent(error) ? error.code : undefined;
              isForNext = false;
              if (code === 4403) end({ kind: 'refused' });
              else cut(code);
            },
          },
        );
        running.add(cut);
        if (socket !== undefined && !isForNext) opened();
        else waiting.add(opened);
        const abort = () => end({ kind: 'stopped' });
        if (run.signal.aborted) abort();
        else run.signal.addEventListener('abort', abort, { once: true });
      }),
    probe: () =>
      new Promise<boolean>((resolve) => {
        const probe: Client = open({ connected: () => finish(true) }, false);
        const finish = (works: boolean) => {
          clearTimeout(patience);
          resolve(works);
          void probe.dispose();
        };
        // To open, and to be acknowledged.
        const patience = setTimeout(() => finish(false), 2 * means.openMs);
        probe.on('closed', () => finish(false));
      }),
    dispose: () => void client.dispose(),
  };
}

/** GraphQL over server-sent events, distinct connections mode. */
export function serverSentEvents(means: Means): Transport {
  return {
    async run(run) {
      let wasOpen = false;
      const patience = new Patience(means, run.signal);
      try {
        const after = run.after();
        const answer = await post(means, run.operation(), patience.signal, {
          accept: 'text/event-stream',
          ...(after === undefined ? {} : { 'last-event-id': after }),
        });
        if (answer.body === null || !isType(answer, 'text/event-stream')) return await endOfAnswer(run, answer);
        for await (const { event, data, id } of eventsOf(answer.body, () => {
          patience.heard();
          if (wasOpen) return;
          wasOpen = true;
          run.onOpen();
        })) {
          if (run.signal.aborted) return { kind: 'stopped' };
          if (event === 'complete') return { kind: 'complete' };
          if (event !== 'next') continue;
          const result = JSON.parse(data) as Result;
          if (isRefusal(result)) return { kind: 'refused' };
          run.onNext(result, id);
        }
        return run.signal.aborted ? { kind: 'stopped' } : { kind: 'cut', wasOpen };
      } catch {
        return run.signal.aborted ? { kind: 'stopped' } : { kind: 'cut', wasOpen };
      } finally {
        patience.end();
      }
    },
    async probe(operation) {
      const patience = new AbortController();
      const timer = setTimeout(() => patience.abort(), means.openMs);
      try {
        const answer = await post(means, operation, patience.signal, { accept: 'text/event-stream' });
        if (answer.body === null || !isType(answer, 'text/event-stream')) return false;
        // A proxy that holds events back passes the head on, and nothing after it.
        return !(await answer.body.getReader().read()).done;
      } catch {
        return false;
      } finally {
        clearTimeout(timer);
        patience.abort();
      }
    },
    dispose: () => {},
  };
}

/** Queries on the same cursors. */
export function polling(means: Means): Transport {
  return {
    async run(run) {
      let wasOpen = false;
      const twin = run.twin();
      if (twin === null) {
        // Lossy anyway: nothing to catch up with, and nothing to poll.
        await aborted(run.signal);
        return { kind: 'stopped' };
      }
      for (;;) {
        const patience = new Patience({ openMs: means.silenceMs, silenceMs: means.silenceMs }, run.signal);
        try {
          const after = run.after();
          const answer = await post(means, twin.request(after), patience.signal, { accept: GRAPHQL });
          const result = (await readResult(answer)) ?? null;
          if (result?.data == null) return await endOfAnswer(run, answer, result);
          if (!wasOpen) {
            wasOpen = true;
            run.onOpen();
          }
          const poll = twin.read(result.data, after);
          for (const event of poll.events) {
            if (run.signal.aborted) return { kind: 'stopped' };
            run.onNext(event, poll.cursor);
          }
          if (poll.isComplete) return { kind: 'complete' };
          if (!poll.hasMore) await pause(means.pollMs, run.signal);
        } catch {
          return run.signal.aborted ? { kind: 'stopped' } : { kind: 'cut', wasOpen };
        } finally {
          patience.end();
        }
        if (run.signal.aborted) return { kind: 'stopped' };
      }
    },
    // Where queries do not go, nothing does.
    probe: () => Promise.resolve(true),
    dispose: () => {},
  };
}

const GRAPHQL = 'application/graphql-response+json, application/json;q=0.9';

async function post(
  means: Means,
  operation: Operation,
  signal: AbortSignal,
  headers: Record<string, string>,
): Promise<Response> {
  const authorization = await means.authorization();
  return means.fetch(means.url, {
    method: 'POST',
    credentials: means.credentials,
    headers: {
      ...means.headers,
      'content-type': 'application/json',
      ...(authorization === null ? {} : { authorization }),
      ...headers,
    },
    body: JSON.stringify(operation),
    signal,
  });
}

const isType = (answer: Response, type: string) =>
  (answer.headers.get('content-type') ?? '').toLowerCase().startsWith(type);

async function readResult(answer: Response): Promise<Result | undefined> {
  if (!isType(answer, 'application/json') && !isType(answer, 'application/graphql-response+json')) return undefined;
  return (await answer.json()) as Result;
}

/** What an answer means that is no stream: refused credentials, a refused operation, or a server that cannot now. */
async function endOfAnswer(run: Run, answer: Response, read?: Result | null): Promise<End> {
  const result = read === undefined ? await readResult(answer).catch(() => undefined) : read;
  if (answer.status === 401) return { kind: 'refused' };
  if (answer.status === 429 || answer.status >= 500 || result?.errors === undefined) {
    // A date is allowed here too; whoever sends one is asked again after our own delay.
    const seconds = Number.parseInt(answer.headers.get('retry-after') ?? '', 10);
    return { kind: 'cut', wasOpen: false, ...(seconds >= 0 ? { retryAfterMs: seconds * 1000 } : {}) };
  }
  return endOfRefusal(run, result.errors);
}

function endOfRefusal(run: Run, errors: readonly GraphQLFault[]): End {
  if (errors.some(isCredentials)) return { kind: 'refused' };
  run.onNext({ data: null, errors });
  return { kind: 'complete' };
}

const isRefusal = (result: Result) => result.data == null && result.errors?.some(isCredentials) === true;

const isCredentials = (error: GraphQLFault) => REFUSED.has(String(error.extensions?.['code']));

const isCloseEvent = (error: unknown): error is { code: number } =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'number';

/** Aborts when nothing was heard for so long: `openMs` for the first sign of life, `silenceMs` for each one after it. */
class Patience {
  readonly #controller = new AbortController();
  readonly #silenceMs: number;
  readonly #outer: AbortSignal;
  #timer: ReturnType<typeof setTimeout>;

  constructor({ openMs, silenceMs }: Pick<Means, 'openMs' | 'silenceMs'>, outer: AbortSignal) {
    this.#silenceMs = silenceMs;
    this.#outer = outer;
    outer.addEventListener('abort', this.#stop, { once: true });
    if (outer.aborted) this.#stop();
    this.#timer = setTimeout(this.#stop, openMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  heard(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#stop, this.#silenceMs);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener('abort', this.#stop);
  }

  readonly #stop = (): void => this.#controller.abort();
}

const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** Waits, or less when it is stopped. */
export const pause = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const over = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    signal.addEventListener('abort', over, { once: true });
    if (signal.aborted) over();
  });
