/** Tells the page that its session is over, wherever that was noticed. */

type Listener = () => void;
const listeners = new Set<Listener>();

export function reportUnauthenticated(): void {
  for (const listener of listeners) listener();
}

export function onUnauthenticated(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
