import { useSyncExternalStore } from 'react';
import { exactly, relativeTo, span } from './time';

/** One timer for each rate, however many look at it. */
function ticker(everyMs: number) {
  let now = Date.now();
  let timer: ReturnType<typeof setInterval> | undefined;
  const listeners = new Set<() => void>();
  return {
    subscribe(listener: () => void) {
      listeners.add(listener);
      if (timer === undefined) {
        now = Date.now();
        timer = setInterval(() => {
          now = Date.now();
          for (const one of listeners) one();
        }, everyMs);
      }
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) {
          clearInterval(timer);
          timer = undefined;
        }
      };
    },
    read: () => now,
  };
}
const slow = ticker(15_000);
const fast = ticker(1_000);

/** "5 min. ago", with the exact instant, in the viewer's zone, on hover. */
export function Time({ at, className }: { at: string; className?: string }) {
  const now = useSyncExternalStore(slow.subscribe, slow.read);
  return (
    <time dateTime={at} title={exactly(at)} className={className}>
      {relativeTo(at, aligned(at, now))}
    </time>
  );
}

/** The server's clock may be a little ahead of the viewer's: what has just happened there is not yet to come here. */
function aligned(at: string, now: number): number {
  const ahead = Date.parse(at) - now;
  return ahead > 0 && ahead < 60_000 ? now + ahead : now;
}

/** How long since `from`, counting while `to` is null. */
export function Elapsed({ from, to }: { from: string; to?: string | null | undefined }) {
  if (to) return <span className="tabular">{span(Date.parse(to) - Date.parse(from))}</span>;
  return <Ticking from={from} />;
}

function Ticking({ from }: { from: string }) {
  const now = useSyncExternalStore(fast.subscribe, fast.read);
  const ms = Math.max(0, now - Date.parse(from));
  // Tenths that stand still for a second look broken.
  return <span className="tabular">{ms < 60_000 ? `${Math.floor(ms / 1_000)} s` : span(ms)}</span>;
}
