// A WebSocket whose server is a script. It opens and acknowledges by itself; what it says comes in order, each message
// in a turn of its own.

/** What the server does. */
export interface Script {
  subscribed(socket: Socket, id: string, after: unknown): void;
  /** The client closes. */
  closing?(): void;
}

export class Socket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readonly #script: Script;
  readyState = Socket.CONNECTING;
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string; wasClean: boolean }) => void) | null = null;
  onerror: (() => void) | null = null;

  constructor(script: Script) {
    this.#script = script;
    setImmediate(() => {
      this.readyState = Socket.OPEN;
      this.onopen?.();
    });
  }

  /** The class to hand to `Live`. */
  static of(script: Script): unknown {
    return class extends Socket {
      constructor() {
        super(script);
      }
    };
  }

  send(text: string): void {
    const message = JSON.parse(text) as { type: string; id: string; payload?: { variables?: { after?: unknown } } };
    if (message.type === 'connection_init') this.say({ type: 'connection_ack' });
    if (message.type === 'subscribe') this.#script.subscribed(this, message.id, message.payload?.variables?.after);
  }

  /** The server says something. */
  say(message: unknown): void {
    setImmediate(() => this.onmessage?.({ data: JSON.stringify(message) }));
  }

  close(code: number, reason = ''): void {
    this.readyState = Socket.CLOSING;
    this.#script.closing?.();
    setImmediate(() => {
      this.readyState = Socket.CLOSED;
      this.onclose?.({ code, reason, wasClean: true });
    });
  }
}
