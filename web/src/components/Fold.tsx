import { clsx } from 'clsx';
import { ChevronRight } from 'lucide-react';
import { type ReactNode, useState } from 'react';

/** Something that is there when one wants it. Its inside costs nothing while it is folded. */
export function Fold({
  summary,
  children,
  className,
  openAtFirst = false,
}: {
  summary: ReactNode;
  children: () => ReactNode;
  className?: string;
  openAtFirst?: boolean;
}) {
  const [isOpen, setOpen] = useState(openAtFirst);
  return (
    <details className={className} open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="flex list-none items-center gap-2 rounded-md [&::-webkit-details-marker]:hidden">
        <ChevronRight
          aria-hidden="true"
          className={clsx('size-3.5 shrink-0 text-faint transition-transform', isOpen && 'rotate-90')}
        />
        {summary}
      </summary>
      {isOpen && children()}
    </details>
  );
}
