/** How live the page is, for the badge. Written by the transport, read by components. */
import { useSyncExternalStore } from 'react';
import { badgeOf, type LiveState } from '~clients/live.ts';
import { reportUnauthenticated } from './session';

/**
 * - `idle`: nothing on the page needs a stream.
 * - `live`: changes arrive over the WebSocket.
 * - `connecting`, `reconnecting`: not yet, not any more; streams go on from their cursors.
 * - `sse`, `polling`: no WebSocket comes through; by server-sent events, or by asking.
 * - `refused`: the session is over.
 */
export type Connection = Exclude<ReturnType<typeof badgeOf>, 'websocket'>;

let current: Connection = 'idle';
const listeners = new Set<() => void>();

export function setConnection(state: LiveState): void {
  const badge = badgeOf(state);
  const next = badge === 'websocket' ? 'live' : badge;
  if (next === current) return;
  current = next;
  if (next === 'refused') reportUnauthenticated();
  for (const listener of listeners) listener();
}

export function useConnection(): Connection {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
}
