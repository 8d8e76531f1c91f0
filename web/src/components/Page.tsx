import { clsx } from 'clsx';
import { type ReactNode, useEffect } from 'react';

/** A page: its heading, its actions, its content, and the title of the browser's tab. */
export function Page({
  title,
  tabTitle,
  description,
  actions,
  children,
  width = 'full',
}: {
  title: ReactNode;
  /** Where `title` is not plain text. */
  tabTitle?: string;
  description?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  /** `full` for lists, `reading` for forms and texts. */
  width?: 'full' | 'reading';
}) {
  const words = tabTitle ?? (typeof title === 'string' ? title : undefined);
  useEffect(() => {
    if (words) document.title = `${words} · agentic-executions`;
  }, [words]);
  return (
    <div className={clsx('mx-auto w-full px-4 py-5 sm:px-6 lg:px-8', width === 'full' ? 'max-w-[120rem]' : 'max-w-4xl')}>
      <header className="mb-4 flex min-h-9 flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <div className="min-w-0">
          <h1 className="text-xl font-semibold tracking-tight">{title}</h1>
          {description && <div className="mt-0.5 text-sm text-muted">{description}</div>}
        </div>
        {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </header>
      {children}
    </div>
  );
}
