import { clsx } from 'clsx';
import { Ban, Check, CircleDashed, X } from 'lucide-react';
import type { ReactNode } from 'react';
import type { ExecutionStatus, FailureCategory } from '@/gql/graphql';
import { TONES, type Tone } from './Badge';

/** What people read, whoever shows a status. A canceled execution is FAILED, and says so its own way. */
export const STATUS_WORDS: Record<ExecutionStatus, string> = {
  PENDING: 'Pending',
  IN_PROGRESS: 'In progress',
  FINISHED: 'Finished',
  FAILED: 'Failed',
};

export const CATEGORY_WORDS: Record<FailureCategory, string> = {
  RUNTIME_ERROR: 'Runtime error',
  MAX_RETRIES_EXCEEDED: 'Retries exhausted',
  VALIDATION_FAILED: 'Validation failed',
  STOPPED_BY_AGENT: 'Stopped by the agent',
  CANCELED: 'Canceled',
  TIMED_OUT: 'Timed out',
  EXPIRED: 'Expired in the queue',
  WORKER_LOST: 'Worker lost',
  BUDGET_EXCEEDED: 'Budget exceeded',
  UNKNOWN: 'Unknown failure',
};

const TONE_OF: Record<ExecutionStatus, Tone> = {
  PENDING: 'wait',
  IN_PROGRESS: 'run',
  FINISHED: 'ok',
  FAILED: 'bad',
};

export function StatusIcon({ status, canceled = false }: { status: ExecutionStatus; canceled?: boolean }) {
  if (status === 'PENDING') return <CircleDashed aria-hidden="true" />;
  if (status === 'IN_PROGRESS')
    return (
      <span aria-hidden="true" className="relative inline-flex size-3.5 items-center justify-center">
        <span className="absolute size-3.5 animate-pulse-soft rounded-full bg-run/25" />
        <span className="size-1.5 rounded-full bg-run" />
      </span>
    );
  if (status === 'FINISHED') return <Check aria-hidden="true" />;
  return canceled ? <Ban aria-hidden="true" /> : <X aria-hidden="true" />;
}

export function StatusPill({
  status,
  category,
  size = 'sm',
}: {
  status: ExecutionStatus;
  category?: FailureCategory | null | undefined;
  size?: 'sm' | 'md';
}): ReactNode {
  const canceled = category === 'CANCELED';
  return (
    <span
      data-status={status}
      className={clsx(
        'inline-flex items-center gap-1.5 rounded-full font-medium whitespace-nowrap [&_svg]:size-3.5',
        size === 'sm' ? 'py-0.5 pr-2.5 pl-1.5 text-xs' : 'py-1 pr-3 pl-2 text-sm',
        canceled ? TONES.neutral : TONES[TONE_OF[status]],
      )}
    >
      <StatusIcon status={status} canceled={canceled} />
      {canceled ? 'Canceled' : STATUS_WORDS[status]}
    </span>
  );
}
