import { clsx } from 'clsx';
import { ChevronDown } from 'lucide-react';
import type { ReactNode } from 'react';
import { buttonClass } from '@/components/Button';

/** Opens a filter's panel, and says what is chosen in it. */
export function FilterTrigger({ active, icon, children, ...rest }: { active: boolean; icon?: ReactNode; children: ReactNode }) {
  return (
    <button
      type="button"
      className={buttonClass('secondary', 'md', clsx('max-w-56', active ? 'border-accent! bg-accent-soft! text-accent-text!' : 'text-muted!'))}
      {...rest}
    >
      {icon}
      <span className="min-w-0 truncate">{children}</span>
      <ChevronDown aria-hidden="true" className="size-3.5! opacity-70" />
    </button>
  );
}
