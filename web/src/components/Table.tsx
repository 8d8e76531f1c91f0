import { clsx } from 'clsx';
import type { ComponentProps, ReactNode } from 'react';

/**
 * A table that scrolls sideways inside its card where it is too wide, and never moves the page.
 * `relative`, for words that are only read aloud are placed absolutely, and would widen the page.
 */
export function Table({ label, children, className }: { label: string; children: ReactNode; className?: string }) {
  return (
    <div role="region" aria-label={label} tabIndex={0} className={clsx('card relative overflow-x-auto', className)}>
      <table className="w-full border-separate border-spacing-0 text-sm">{children}</table>
    </div>
  );
}

export function Th({ className, children, ...rest }: ComponentProps<'th'>) {
  return (
    <th
      scope="col"
      className={clsx(
        'h-9 border-b bg-sunken px-3 text-left text-xs font-medium whitespace-nowrap text-muted first:rounded-tl-[0.6rem] last:rounded-tr-[0.6rem]',
        className,
      )}
      {...rest}
    >
      {children}
    </th>
  );
}

export function Td({ className, ...rest }: ComponentProps<'td'>) {
  return <td className={clsx('h-11 border-b px-3 align-middle in-[tr:last-child]:border-b-0', className)} {...rest} />;
}
