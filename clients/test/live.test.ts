import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Live } from '../src/live.ts';

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
