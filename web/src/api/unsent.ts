/**
 * What somebody wrote and has not sent. Kept for as long as the tab is open, so that it is there again after the
 * session had expired, after a reload, and on the way back. It is its writer's alone: whoever else signs in in the same
 * tab finds nothing, and signing out leaves nothing behind. Never the bytes of files.
 *
 * To keep another page's: a place of its own, and a guard that knows the shape, for an older page may have written it.
 */
import { useEffect } from 'react';

const PREFIX = 'unsent ';

export interface Unsent<Value> {
  read(): Value | undefined;
  /** Undefined where there is nothing to keep. */
  write(value: Value | undefined): void;
}

/** Of one person, at one place: "launch set_1". */
export function unsent<Value>(
  userId: string,
  place: string,
  isValue: (value: unknown) => value is Value,
  storage: () => Storage = () => sessionStorage,
): Unsent<Value> {
  const own = `${PREFIX}${userId} `;
  const key = own + place;
  return {
    read: () =>
      trying(() => {
        forget(storage(), (one) => !one.startsWith(own));
        const text = storage().getItem(key);
        const value: unknown = text === null ? undefined : JSON.parse(text);
        return isValue(value) ? value : undefined;
      }),
    write: (value) =>
      trying(() => {
        if (value === undefined) storage().removeItem(key);
        else storage().setItem(key, JSON.stringify(value));
      }),
  };
}

/** All of it: whoever signs out leaves nothing behind. */
export function forgetUnsent(storage: () => Storage = () => sessionStorage): void {
  trying(() => forget(storage(), () => true));
}

/** Asks before the tab is closed. Not on the way to another page of ours: what was written is there on the way back. */
export function useUnloadWarning(isUnsent: boolean): void {
  useEffect(() => {
    if (!isUnsent) return undefined;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', warn);
    return () => window.removeEventListener('beforeunload', warn);
  }, [isUnsent]);
}

function forget(storage: Storage, isMeant: (key: string) => boolean): void {
  const keys = Array.from({ length: storage.length }, (_, place) => storage.key(place));
  for (const key of keys) if (key?.startsWith(PREFIX) && isMeant(key)) storage.removeItem(key);
}

/** A browser may keep nothing, or no more: then it is as it was without this. */
function trying<Value>(act: () => Value): Value | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}
