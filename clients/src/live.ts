// Streams that go on. A `Live` runs subscriptions over a WebSocket; where those are blocked, over server-sent events;
// where these do not get through either, it polls. Whatever breaks, each stream goes on behind the last cursor that it
// was given, so nothing is missed. It says how it is connected, for a badge, and renews its token when it is refused.
//
// Never drops an event, and never hides that the server refused: a listener whose credentials do not hold any longer,
// renewed ones included, gets a `RefusedError`.

import { parse, Kind, type FieldNode } from 'graphql';
import { argumentsOf, fieldsOf, operationOf } from './documents.ts';
import { pause, polling, serverSentEvents, webSocket, type End, type Means, type Transport } from './transports.ts';
import { twinOf, type Twin } from './twins.ts';
import type { Operation, Result, Sink, Streams } from './types.ts';

/** A way to the server, best first. */
export type Way = 'websocket' | 'sse' | 'polling';

/** How it stands with the connection. */
export interface LiveState {
  /** `idle`: nobody listens. `refused`: the credentials do not hold; sign in anew. */
  readonly status: 'idle' | 'connecting' | 'live' | 'reconnecting' | 'refused';
  /** The way in use, or being tried. */
  readonly way: Way;
  /** When the next attempt is made, in milliseconds since 1970; null while none is waited for. */
  readonly retryAt: number | null;
}

/** What a badge shows: `live`, or by which worse way, or why not. */
export const badgeOf = ({ status, way }: LiveState): LiveState['status'] | Way =>
  status === 'live' && way !== 'websocket' ? way : status;

export interface LiveOptions {
  /** Where `/graphql` is; in a page a path will do. */
  readonly url: string | URL;
  /** The bearer token, asked for with each connection; with `renew` when the last one was refused. Left out where a
   * cookie says who is asking. */
  readonly token?: (renew: boolean) => string | null | Promise<string | null>;
  /** Told of each change of the state. */
  readonly onState?: (state: LiveState) => void;
  /** Which ways may be used, in this order. All three unless told otherwise. */
  readonly ways?: readonly Way[];
  /** For the requests of `sse` and `polling`. `same-origin` unless told otherwise. */
  readonly credentials?: RequestCredentials;
  readonly headers?: Readonly<Record<string, string>>;
  /** Between polls; 3000 unless told otherwise. */
  readonly pollMs?: number;
  /** So long a WebSocket, or a stream of events, may take to give its first sign of life; 5000 unless told otherwise.
   * Then it counts as blocked, by a proxy that takes it and never answers, and the next worse way is taken. */
  readonly openMs?: number;
  /** So long without a further one and a connection counts as dead; 30000 unless told otherwise. The server gives one
   * every 12 seconds on its own, and answers pings. */
  readonly silenceMs?: number;
  /** Delays between attempts: doubled from `baseMs` up to `capMs`, each with jitter. */
  readonly backoff?: { readonly baseMs: number; readonly capMs: number };
  /** How long a worse way is used before a better one is tried again; 60000 unless told otherwise. */
  readonly betterMs?: number;
  /** Those of the platform unless given. Node 20 has no WebSocket of its own: without one that way is left out. */
  readonly fetch?: typeof fetch;
  readonly WebSocket?: unknown;
  /** For tests. */
  readonly random?: () => number;
}

/** The server does not take the credentials, nor those that were renewed. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';

  constructor() {
    super('the server refused the credentials: sign in anew');
  }
}

/** Attempts to open a way before the next worse one is tried. A server that restarts refuses for moments. */
const TRIES: Record<Way, number> = { websocket: 2, sse: 1, polling: 1 };

/** A connection that held for so long was a good one: the delays begin anew. */
const GOOD_MS = 5_000;

/** Refusals in a row, each with a renewed token but the first. */
const REFUSALS = 3;

/** Faults of the server's in a row before the listener is told. */
const FAULTS = 5;

/** Runs subscriptions, all of one viewer. */
export class Live implements Streams {
  readonly #options: LiveOptions;
  readonly #ways: readonly Way[];
  readonly #transports: ReadonlyMap<Way, Transport>;
  readonly #streams = new Set<Stream>();
  readonly #listeners = new Set<(state: LiveState) => void>();
  #state: LiveState;
  /** Raised when something broke, so that it counts once, however many streams it took along. */
  #epoch = 0;
  #way = 0;
  #misses = 0;
  #attempt = 0;
  #refusals = 0;
  #openSince: number | null = null;
  #retryAt: number | null = null;
  #wake = new AbortController();
  #renew = false;
  #token: Promise<string | null> | undefined;
  /** Set while a better way is waited for or looked at. */
  #better: ReturnType<typeof setTimeout> | undefined;
  #isLooking = false;
  /** Asked for while it looked: what is under way may have missed what has changed since. */
  #looksAgain = false;

  constructor(options: LiveOptions) {
    this.#options = options;
    const isPossible = (way: Way) => way !== 'websocket' || (options.WebSocket ?? globalThis.WebSocket) !== undefined;
    this.#ways = (options.ways ?? ['websocket', 'sse', 'polling']).filter(isPossible);
    if (this.#ways.length === 0) {
      throw new TypeError('no way to the server: `ways` names none, or none but `websocket`, which needs `WebSocket` here');
    }
    const means: Means = {
      url: String(new URL(options.url, globalThis.location?.href)),
      fetch: options.fetch ?? ((...args) => fetch(...args)),
      WebSocket: options.WebSocket,
      authorization: () => this.#authorization(),
      credentials: options.credentials ?? 'same-origin',
      headers: options.headers ?? {},
      openMs: options.openMs ?? 5_000,
      silenceMs: options.silenceMs ?? 30_000,
      pollMs: options.pollMs ?? 3_000,
    };
    const socket = this.#ways.includes('websocket') ? webSocket(means) : undefined;
    this.#transports = new Map<Way, Transport>([
      ...(socket === undefined ? [] : [['websocket', socket] as const]),
      ['sse', serverSentEvents(means)],
      ['polling', polling(means)],
    ]);
    this.#state = { status: 'idle', way: this.#ways[0] ?? 'websocket', retryAt: null };
    globalThis.addEventListener?.('online', this.reconnect);
  }

  get state(): LiveState {
    return this.#state;
  }

  /** Told of each change of the state from now on. Gives the function that ends it. */
  onState(listener: (state: LiveState) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Runs a subscription. Gives the function that ends it. The document passes its cursor on in a variable
   * (`after: $after`) and selects `cursor`; one that does neither could not go on, and is refused here. */
  subscribe(operation: Operation, sink: Sink<Result>): () => void {
    const stream = new Stream(operation, sink);
    this.#streams.add(stream);
    if (this.#state.status === 'idle' || this.#state.status === 'refused') {
      this.#refusals = 0;
      this.#say('connecting');
    }
    void this.#serve(stream);
    return () => this.#drop(stream);
  }

  isFollowing(field: string, isMeant: (args: Readonly<Record<string, unknown>>) => boolean): boolean {
    return [...this.#streams].some((stream) => stream.field === field && isMeant(stream.args));
  }

  /** Tries at once instead of waiting, a better way too: the network is back, or the user asked for it. */
  readonly reconnect = (): void => {
    this.#attempt = 0;
    this.#retryAt = null;
    this.#wake.abort();
    this.#wake = new AbortController();
    if (this.#better !== undefined) void this.#look();
  };

  /** Ends everything. */
  dispose(): void {
    globalThis.removeEventListener?.('online', this.reconnect);
    for (const stream of [...this.#streams]) this.#drop(stream);
    for (const transport of this.#transports.values()) transport.dispose();
  }

  async #serve(stream: Stream): Promise<void> {
    while (!stream.isOver) {
      await this.#waited(stream);
      if (stream.isOver) return;
      const epoch = this.#epoch;
      const way = this.#ways[this.#way];
      const transport = way === undefined ? undefined : this.#transports.get(way);
      if (way === undefined || transport === undefined) throw new TypeError('a way without a transport');
      const end = await transport.run({
        operation: () => stream.operation(),
        after: () => stream.after,
        twin: () => stream.twin(),
        signal: stream.begin(),
        onOpen: () => this.#opened(way),
        onNext: (result, cursor) => stream.next(result, cursor),
      });
      if (stream.isOver) return;
      this.#ended(stream, end, epoch, way);
    }
  }

  #ended(stream: Stream, end: End, epoch: number, way: Way): void {
    switch (end.kind) {
      case 'complete':
        if (stream.takeFault(this.#delay(stream.faults))) return;
        this.#streams.delete(stream);
        stream.isOver = true;
        this.#rest();
        stream.sink.complete();
        return;
      case 'stopped':
        // By a fault, or for another way: the next turn goes on.
        stream.takeFault(this.#delay(stream.faults));
        return;
      case 'refused':
        if (epoch === this.#epoch) this.#refused();
        return;
      case 'cut':
        if (epoch === this.#epoch) this.#cut(way, end);
        return;
    }
  }

  #opened(way: Way): void {
    if (way !== this.#ways[this.#way]) return;
    this.#misses = 0;
    this.#refusals = 0;
    this.#retryAt = null;
    this.#openSince ??= Date.now();
    this.#say('live');
    if (this.#way > 0 && this.#better === undefined) this.#lookForBetter();
  }

  #cut(way: Way, { wasOpen, hung = false, retryAfterMs }: Extract<End, { kind: 'cut' }>): void {
    this.#epoch += 1;
    const held = this.#openSince === null ? 0 : Date.now() - this.#openSince;
    this.#openSince = null;
    if (wasOpen) {
      if (held >= GOOD_MS) this.#attempt = 0;
      this.#retry(retryAfterMs);
      return;
    }
    this.#misses += 1;
    if (this.#misses < TRIES[way] && !hung) {
      this.#retry(retryAfterMs);
      return;
    }
    this.#misses = 0;
    if (this.#way + 1 < this.#ways.length && retryAfterMs === undefined) {
      // Maybe only this way is blocked.
      this.#way += 1;
      this.#say('reconnecting');
      return;
    }
    this.#way = 0;
    this.#retry(retryAfterMs);
  }

  #refused(): void {
    this.#epoch += 1;
    this.#openSince = null;
    this.#refusals += 1;
    this.#renew = true;
    if (this.#refusals < REFUSALS) {
      this.#retry(this.#refusals === 1 ? 0 : undefined);
      return;
    }
    this.#say('refused');
    for (const stream of [...this.#streams]) {
      this.#streams.delete(stream);
      stream.end();
      stream.sink.error(new RefusedError());
    }
    this.#rest();
  }

  #retry(afterMs?: number): void {
    const delay = afterMs ?? this.#delay(this.#attempt);
    if (afterMs !== 0) this.#attempt += 1;
    this.#retryAt = Date.now() + delay;
    this.#say('reconnecting');
  }

  /** Half of it is chance, so that a restarted server is not met by everyone at once. */
  #delay(attempt: number): number {
    const { baseMs, capMs } = this.#options.backoff ?? { baseMs: 500, capMs: 30_000 };
    const most = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 20));
    return most / 2 + (this.#options.random ?? Math.random)() * (most / 2);
  }

  async #waited(stream: Stream): Promise<void> {
    for (;;) {
      const until = Math.max(this.#retryAt ?? 0, stream.notBefore);
      const ms = until - Date.now();
      if (ms <= 0 || stream.isOver) return;
      const wake = AbortSignal.any([this.#wake.signal, stream.signal]);
      await pause(ms, wake);
      if (this.#wake.signal.aborted || wake.aborted) return;
    }
  }

  /** On a worse way: looks now and then whether a better one goes again, and changes over without losing a thing. */
  #lookForBetter(): void {
    const ms = (this.#options.betterMs ?? 60_000) * (0.75 + (this.#options.random ?? Math.random)() / 2);
    this.#better = setTimeout(() => void this.#look(), ms);
    // Node would wait for it.
    const timer: unknown = this.#better;
    if (typeof timer === 'object' && timer !== null && 'unref' in timer && typeof timer.unref === 'function') {
      timer.unref();
    }
  }

  async #look(): Promise<void> {
    if (this.#isLooking) {
      this.#looksAgain = true;
      return;
    }
    this.#isLooking = true;
    clearTimeout(this.#better);
    let better: number | undefined;
    do {
      this.#looksAgain = false;
      better = await this.#findBetter();
    } while (this.#looksAgain && better !== 0);
    this.#isLooking = false;
    this.#better = undefined;
    if (this.#streams.size === 0 || this.#way === 0) return;
    if (better === undefined || better >= this.#way) {
      this.#lookForBetter();
      return;
    }
    this.#epoch += 1;
    this.#way = better;
    this.#misses = 0;
    for (const stream of this.#streams) stream.stopRun();
  }

  /** The best way that works, of those better than the one in use. */
  async #findBetter(): Promise<number | undefined> {
    const better = this.#ways.slice(0, this.#way);
    for (const [at, way] of better.entries()) {
      // Any stream will do: what is found out is whether events get through.
      const [stream] = this.#streams;
      if (stream === undefined) return undefined;
      if (await this.#transports.get(way)?.probe(stream.operation())) return at;
    }
    return undefined;
  }

  #drop(stream: Stream): void {
    if (!this.#streams.delete(stream)) return;
    stream.end();
    this.#rest();
  }

  #rest(): void {
    if (this.#streams.size > 0) return;
    clearTimeout(this.#better);
    this.#better = undefined;
    this.#openSince = null;
    if (this.#state.status !== 'refused') this.#say('idle');
  }

  #say(status: LiveState['status']): void {
    const state = { status, way: this.#ways[this.#way] ?? 'websocket', retryAt: this.#retryAt };
    const { status: was, way, retryAt } = this.#state;
    if (was === state.status && way === state.way && retryAt === state.retryAt) return;
    this.#state = state;
    this.#options.onState?.(state);
    for (const listener of [...this.#listeners]) listener(state);
  }

  async #authorization(): Promise<string | null> {
    const { token } = this.#options;
    if (token === undefined) return null;
    // Several streams that were refused together renew once.
    if (this.#token === undefined) {
      const renew = this.#renew;
      this.#renew = false;
      this.#token = Promise.resolve(token(renew)).finally(() => {
        this.#token = undefined;
      });
    }
    const secret = await this.#token;
    return secret === null ? null : `Bearer ${secret}`;
  }
}

/** A subscription that someone listens to, across connections. */
class Stream {
  readonly sink: Sink<Result>;
  /** The root field, and what it was asked. */
  readonly field: string | undefined;
  readonly args: Readonly<Record<string, unknown>>;
  readonly #operation: Operation;
  readonly #variable: string | undefined;
  #twin: Twin | null | undefined;
  #run = new AbortController();
  readonly #life = new AbortController();
  after: string | undefined;
  isOver = false;
  /** Faults of the server's in a row. */
  faults = 0;
  /** The one that stopped this run. */
  #fault: { readonly afterMs: number | undefined } | undefined;
  notBefore = 0;

  constructor(operation: Operation, sink: Sink<Result>) {
    this.#operation = operation;
    this.sink = sink;
    const { root, args, variable } = rootOf(operation);
    this.field = root?.name.value;
    this.args = args;
    this.#variable = variable;
    const after = this.#variable === undefined ? undefined : operation.variables?.[this.#variable];
    this.after = typeof after === 'string' ? after : undefined;
  }

  get signal(): AbortSignal {
    return this.#life.signal;
  }

  /** Goes on behind the last cursor. */
  operation(): Operation {
    if (this.#variable === undefined) return this.#operation;
    return {
      ...this.#operation,
      variables: { ...this.#operation.variables, [this.#variable]: this.after ?? null },
    };
  }

  twin(): Twin | null {
    this.#twin ??= twinOf(this.#operation);
    return this.#twin;
  }

  begin(): AbortSignal {
    // The connection broke off before the run was stopped: that has a delay of its own.
    this.#fault = undefined;
    this.#run = new AbortController();
    return this.#run.signal;
  }

  stopRun(): void {
    this.#run.abort();
  }

  end(): void {
    this.isOver = true;
    this.#life.abort();
    this.#run.abort();
  }

  next(result: Result, cursor?: string): void {
    if (this.isOver || this.#fault !== undefined) return;
    const fault = faultOf(result);
    if (fault !== undefined && this.faults < FAULTS) {
      // The source may go on, and what it tells next would move the cursor past the event that failed.
      this.#fault = fault;
      this.#run.abort();
      return;
    }
    if (result.data != null) this.faults = 0;
    const [payload] = Object.values(result.data ?? {});
    const own = typeof payload === 'object' && payload !== null && 'cursor' in payload ? payload.cursor : undefined;
    const at = typeof own === 'string' ? own : cursor;
    if (at !== undefined) this.after = at;
    this.sink.next(result);
  }

  /** True when a fault that may pass ended the run: the stream goes on where it was. */
  takeFault(delayMs: number): boolean {
    if (this.#fault === undefined) return false;
    this.notBefore = Date.now() + (this.#fault.afterMs ?? delayMs);
    this.#fault = undefined;
    this.faults += 1;
    return true;
  }
}

/** A fault that passes: the server's own, or too much at once. */
function faultOf(result: Result): { afterMs: number | undefined } | undefined {
  if (result.data != null) return undefined;
  for (const { extensions } of result.errors ?? []) {
    const seconds = extensions?.['retryAfterSeconds'];
    if (extensions?.['code'] === 'RATE_LIMITED') {
      return { afterMs: typeof seconds === 'number' ? seconds * 1000 : undefined };
    }
    if (extensions?.['code'] === 'INTERNAL') return { afterMs: undefined };
  }
  return undefined;
}

interface Root {
  readonly root: FieldNode | undefined;
  readonly args: Readonly<Record<string, unknown>>;
  /** The variable that takes the cursor; none for a stream that is lossy by design. */
  readonly variable: string | undefined;
}

/** The root field of a subscription that can go on. */
function rootOf(operation: Operation): Root {
  const document = parse(operation.query, { noLocation: true });
  const definition = operationOf(document, operation.operationName);
  if (definition.operation !== 'subscription') throw new TypeError(`Live runs subscriptions, not a ${definition.operation}`);
  const [root] = fieldsOf(document, definition.selectionSet);
  const args = root === undefined ? {} : argumentsOf(root, definition, operation.variables);
  if (root === undefined || root.name.value === 'messageDeltas') return { root, args, variable: undefined };
  const argument = root.arguments?.find(({ name }) => name.value === 'after');
  const selectsCursor = fieldsOf(document, root.selectionSet).some(
    (field) => field.name.value === 'cursor' && field.alias === undefined,
  );
  if (argument?.value.kind !== Kind.VARIABLE || !selectsCursor) {
    throw new TypeError(
      `${root.name.value} could not go on after a cut: declare $after: StreamCursor, pass after: $after, select cursor`,
    );
  }
  return { root, args, variable: argument.value.name.value };
}
