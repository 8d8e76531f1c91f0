/** How live the page is, for the badge. Written by the transport, read by components. */
import { useSyncExternalStore } from 'react';

/**
 * - `idle`: nothing on the page needs a stream.
 * - `live`: changes arrive over the WebSocket.
 * - `reconnecting`: the stream was cut; it goes on from its cursor when it is back.
 * - `fallback`: no WebSocket comes through; changes arrive by server-sent events.
 * - `polling`: no stream comes through; the page asks by cursor.
 */
export type Connection = 'idle' | 'live' | 'reconnecting' | 'fallback' | 'polling';

let current: Connection = 'idle';
const listeners = new Set<() => void>();

export function setConnection(next: Connection): void {
  if (next === current) return;
  current = next;
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
