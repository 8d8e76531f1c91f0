/** What stands in the place of data: nothing yet, not there yet, went wrong. */
import { clsx } from 'clsx';
import { CircleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import type { CombinedError } from 'urql';
import { Button } from './Button';

export function EmptyState({
  icon,
  title,
  children,
  action,
  isPage = false,
}: {
  icon?: ReactNode;
  title: ReactNode;
  /** All that the page has to say: its heading is the page's. */
  isPage?: boolean;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="flex min-h-64 flex-col items-center justify-center gap-3 px-6 py-12 text-center">
      {icon && (
        <div className="flex size-11 items-center justify-center rounded-xl border bg-surface text-faint shadow-card [&_svg]:size-5">
          {icon}
        </div>
      )}
      <div className="max-w-sm">
        {isPage ? <h1 className="text-base font-semibold">{title}</h1> : <h2 className="text-base font-semibold">{title}</h2>}
        {children && <div className="mt-1 text-sm text-muted">{children}</div>}
      </div>
      {action}
    </div>
  );
}

const HTTP_WORDS: Record<number, string> = {
  401: 'The session is over: sign in again.',
  403: 'This page was not let through. Reload it, and sign in again if that does not help.',
  408: 'The request took too long to arrive. Try again.',
  413: 'What was sent is larger than the server takes.',
  429: 'Too much was asked at once. Try again in a moment.',
  502: 'A proxy before the server did not reach it. Try again in a moment.',
  503: 'The server is starting or stopping. Try again in a moment.',
  504: 'A proxy before the server waited too long for it. Try again.',
};

/** An error in words: what happened, and what can be done. */
export function errorWords(error: CombinedError): { title: string; detail: string } {
  const status: unknown = error.response?.status;
  if (error.networkError && typeof status === 'number' && status >= 400) {
    // Something between here and the server answered, or the server did before it read the request.
    return { title: `The server answered ${status}`, detail: HTTP_WORDS[status] ?? 'Try again in a moment.' };
  }
  if (error.networkError) {
    return {
      title: 'The server cannot be reached',
      detail: 'Check the connection. What is on this page may be old.',
    };
  }
  const first = error.graphQLErrors[0];
  const code = first?.extensions.code;
  if (code === 'INTERNAL') {
    const id = first?.extensions.requestId;
    return {
      title: 'The server failed',
      detail: typeof id === 'string' ? `Its log knows more under request ${id}.` : 'Its log knows more.',
    };
  }
  return { title: 'The server refused this', detail: first?.message ?? error.message };
}

export function ErrorState({ error, onRetry }: { error: CombinedError; onRetry?: () => void }) {
  const { title, detail } = errorWords(error);
  return (
    <div role="alert">
      <EmptyState
        icon={<CircleAlert aria-hidden="true" className="text-bad" />}
        title={title}
        action={onRetry && <Button onClick={onRetry}>Try again</Button>}
      >
        {detail}
      </EmptyState>
    </div>
  );
}

/** Stands above what is still shown when a later request failed. */
export function Notice({
  tone = 'bad',
  children,
  action,
}: {
  tone?: 'bad' | 'wait' | 'run';
  children: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div
      role={tone === 'bad' ? 'alert' : 'status'}
      className={clsx(
        'flex flex-wrap items-center gap-x-3 gap-y-2 rounded-lg px-3 py-2 text-sm',
        tone === 'bad' && 'bg-bad-soft text-bad',
        tone === 'wait' && 'bg-wait-soft text-wait',
        tone === 'run' && 'bg-run-soft text-run',
      )}
    >
      <CircleAlert aria-hidden="true" className="size-4 shrink-0" />
      <div className="min-w-0 flex-1">{children}</div>
      {action}
    </div>
  );
}

export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden="true" className={clsx('skeleton', className)} />;
}

/** Rows of grey, of the height of the rows to come. */
export function SkeletonRows({ rows = 8, label = 'Loading' }: { rows?: number; label?: string }) {
  return (
    <div role="status" aria-label={label} className="card divide-y">
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className="flex h-11 items-center gap-4 px-3">
          <Skeleton className="h-4 w-24" />
          <Skeleton className="h-4 flex-1" />
          <Skeleton className="h-4 w-16" />
        </div>
      ))}
    </div>
  );
}
