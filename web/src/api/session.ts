/** Tells the page that its session is over, wherever that was noticed. */

type Listener = () => void;
const listeners = new Set<Listener>();

let isLeaving = false;

export function reportUnauthenticated(): void {
  if (isLeaving) return;
  for (const listener of listeners) listener();
}

/** Whoever signs out knows that it is over. Gives what to call should it not be, after all. */
export function leave(): () => void {
  isLeaving = true;
  return () => {
    isLeaving = false;
  };
}

export function onUnauthenticated(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
