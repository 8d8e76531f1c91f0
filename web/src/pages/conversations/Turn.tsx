import { clsx } from 'clsx';
import type { ReactNode } from 'react';
import { clock, exactly } from '@/components/time';

/** Who speaks, when, and what. */
export function Turn({
  icon,
  name,
  note,
  at,
  children,
  tone = 'plain',
  goesOn = false,
  messageId,
}: {
  icon: ReactNode;
  name: string;
  note?: ReactNode;
  /** Unknown of what is still being written. */
  at?: string;
  children: ReactNode;
  tone?: 'plain' | 'agent' | 'bad';
  goesOn?: boolean;
  messageId?: string;
}) {
  if (goesOn) {
    return (
      <li className="-mt-3 sm:pl-10" title={at && exactly(at)} data-message={messageId}>
        {children}
      </li>
    );
  }
  return (
    <li className="flex gap-3" data-message={messageId}>
      <span
        aria-hidden="true"
        className={clsx(
          'flex size-7 shrink-0 items-center justify-center rounded-full [&_svg]:size-4 max-sm:hidden',
          tone === 'agent' && 'bg-accent-soft text-accent-text',
          tone === 'bad' && 'bg-bad-soft text-bad',
          tone === 'plain' && 'bg-sunken text-muted',
        )}
      >
        {icon}
      </span>
      <div className="min-w-0 flex-1">
        <div className="mb-1 flex min-h-7 flex-wrap items-center gap-x-2 text-sm">
          <h2 className="font-semibold">{name}</h2>
          {note}
          {at && (
            <time dateTime={at} title={exactly(at)} className="ml-auto text-xs text-faint tabular">
              {clock(at)}
            </time>
          )}
        </div>
        {children}
      </div>
    </li>
  );
}
