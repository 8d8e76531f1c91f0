import { clsx } from 'clsx';
import type { ReactNode } from 'react';

export type Tone = 'neutral' | 'accent' | 'ok' | 'bad' | 'run' | 'wait';

export const TONES: Record<Tone, string> = {
  neutral: 'bg-sunken text-muted',
  accent: 'bg-accent-soft text-accent-text',
  ok: 'bg-ok-soft text-ok',
  bad: 'bg-bad-soft text-bad',
  run: 'bg-run-soft text-run',
  wait: 'bg-wait-soft text-wait',
};

export function Badge({
  tone = 'neutral',
  children,
  className,
  title,
}: {
  tone?: Tone;
  children: ReactNode;
  className?: string;
  title?: string;
}) {
  return (
    <span
      title={title}
      className={clsx(
        'inline-flex max-w-full items-center gap-1 truncate rounded-md px-1.5 py-px text-xs font-medium whitespace-nowrap [&_svg]:size-3.5',
        TONES[tone],
        className,
      )}
    >
      {children}
    </span>
  );
}

/** A label of an execution. */
export function Label({ children }: { children: string }) {
  return (
    <span
      title={children}
      className="inline-block max-w-40 min-w-0 truncate rounded-md border bg-surface px-1.5 py-px align-middle text-xs text-muted"
    >
      {children}
    </span>
  );
}
