/** Short news at the edge of the page, read aloud. `toast('Canceled 3 executions')` from anywhere. */
import { clsx } from 'clsx';
import { CircleAlert, CircleCheck, X } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { IconButton } from './Button';

interface Toast {
  id: number;
  tone: 'ok' | 'bad';
  text: string;
}

let toasts: readonly Toast[] = [];
let next = 1;
const listeners = new Set<() => void>();
const SHOWN_MS = 6_000;

function set(value: readonly Toast[]) {
  toasts = value;
  for (const listener of listeners) listener();
}
function dismiss(id: number) {
  set(toasts.filter((one) => one.id !== id));
}

export function toast(text: string, tone: Toast['tone'] = 'ok'): void {
  const id = next++;
  set([...toasts.slice(-2), { id, tone, text }]);
  // Bad news stays until it is read.
  if (tone === 'ok') setTimeout(() => dismiss(id), SHOWN_MS);
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
  return (
    <section
      aria-label="Notifications"
      aria-live="polite"
      className="pointer-events-none fixed right-4 bottom-4 left-4 z-50 flex flex-col items-end gap-2"
    >
      {shown.map((one) => (
        <div
          key={one.id}
          className="pointer-events-auto flex max-w-sm items-center gap-2.5 rounded-lg border bg-raised py-1.5 pr-1.5 pl-3 text-sm shadow-pop"
        >
          {one.tone === 'ok' ? (
            <CircleCheck aria-hidden="true" className="size-4 shrink-0 text-ok" />
          ) : (
            <CircleAlert aria-hidden="true" className={clsx('size-4 shrink-0 text-bad')} />
          )}
          <span className="min-w-0">{one.text}</span>
          <IconButton label="Dismiss" size="sm" onClick={() => dismiss(one.id)}>
            <X aria-hidden="true" />
          </IconButton>
        </div>
      ))}
    </section>
  );
}
