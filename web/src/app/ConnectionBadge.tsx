import { clsx } from 'clsx';
import { RotateCw } from 'lucide-react';
import { type Connection, useConnection } from '@/api/connection';
import { IconButton } from '@/components/Button';
import { useReconnect } from './ApiProvider';

const WORDS: Record<Connection, { text: string; title: string; dot: string }> = {
  idle: { text: 'Idle', title: 'Nothing on this page changes by itself', dot: 'bg-faint' },
  connecting: { text: 'Connecting…', title: 'The page is about to be live', dot: 'bg-faint animate-pulse-soft' },
  live: { text: 'Live', title: 'Changes arrive as they happen', dot: 'bg-ok' },
  reconnecting: {
    text: 'Reconnecting…',
    title: 'The connection was cut. What is shown may be old; the page catches up when it is back.',
    dot: 'bg-wait animate-pulse-soft',
  },
  sse: { text: 'Live over SSE', title: 'No WebSocket comes through: changes arrive by server-sent events', dot: 'bg-ok' },
  polling: { text: 'Delayed', title: 'No stream comes through: the page asks every few seconds', dot: 'bg-wait' },
  refused: { text: 'Signed out', title: 'The session is over', dot: 'bg-bad' },
};

/** What could be better than it is. */
const CAN_BE_TRIED = new Set<Connection>(['reconnecting', 'sse', 'polling']);

/** Says how live the page is. Read aloud when it changes. */
export function ConnectionBadge({ className }: { className?: string }) {
  const connection = useConnection();
  const reconnect = useReconnect();
  const { text, title, dot } = WORDS[connection];
  return (
    // As high with the button as without, so that nothing moves when it comes.
    <div className={clsx('flex h-7 items-center gap-1 px-2 text-xs text-muted', className)}>
      <div role="status" title={title} data-connection={connection} className="flex items-center gap-2">
        <span aria-hidden="true" className={clsx('size-1.5 shrink-0 rounded-full', dot)} />
        <span className="sr-only">Connection: </span>
        {text}
      </div>
      {CAN_BE_TRIED.has(connection) && (
        <IconButton size="sm" label="Try a better connection now" className="ml-auto" onClick={reconnect}>
          <RotateCw aria-hidden="true" />
        </IconButton>
      )}
    </div>
  );
}
