import { clsx } from 'clsx';
import type { ComponentProps, ReactNode } from 'react';
import { Link, type LinkProps } from 'react-router';
import { Spinner } from './Spinner';

type Look = 'primary' | 'secondary' | 'ghost' | 'danger';
type Size = 'sm' | 'md' | 'lg';

const LOOKS: Record<Look, string> = {
  primary: 'bg-accent text-on-accent hover:bg-accent-hover border-transparent shadow-card',
  secondary: 'bg-surface text-text hover:bg-hover border-line-strong shadow-card',
  ghost: 'bg-transparent text-muted hover:bg-hover hover:text-text border-transparent',
  danger: 'bg-bad-soft text-bad hover:bg-bad hover:text-bg border-transparent',
};
const SIZES: Record<Size, string> = {
  sm: 'h-7 px-2 text-xs gap-1.5 rounded-md',
  md: 'h-8 px-3 text-sm gap-1.5 rounded-md',
  lg: 'h-10 px-4 text-base gap-2 rounded-lg',
};

export function buttonClass(look: Look = 'secondary', size: Size = 'md', className?: string): string {
  return clsx(
    'inline-flex shrink-0 items-center justify-center border font-medium whitespace-nowrap select-none transition-colors duration-100',
    'disabled:opacity-55 aria-disabled:opacity-55 [&_svg]:size-4 [&_svg]:shrink-0',
    LOOKS[look],
    SIZES[size],
    className,
  );
}

interface Common {
  look?: Look;
  size?: Size;
  icon?: ReactNode;
}

/**
 * A button. `busy` keeps its width and its focus, and takes no second press; `unavailable` keeps its focus, and takes
 * none: `disabled` is for what does not become so under somebody's fingers.
 */
export function Button({
  look,
  size,
  icon,
  busy = false,
  unavailable = false,
  className,
  children,
  type = 'button',
  onClick,
  ...rest
}: ComponentProps<'button'> & Common & { busy?: boolean; unavailable?: boolean }) {
  return (
    <button
      type={type}
      className={buttonClass(look, size, className)}
      aria-busy={busy || undefined}
      aria-disabled={busy || unavailable || undefined}
      onClick={(event) => {
        if (busy || unavailable) event.preventDefault();
        else onClick?.(event);
      }}
      {...rest}
    >
      {busy ? <Spinner /> : icon}
      {children}
    </button>
  );
}

export function ButtonLink({ look, size, icon, className, children, ...rest }: LinkProps & Common) {
  return (
    <Link className={buttonClass(look, size, className)} {...rest}>
      {icon}
      {children}
    </Link>
  );
}

/** A square button with an icon alone; its label is read aloud and shown on hover. */
export function IconButton({
  label,
  className,
  size = 'md',
  look = 'ghost',
  children,
  ...rest
}: ComponentProps<'button'> & { label: string; size?: Size; look?: Look }) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={buttonClass(look, size, clsx('px-0!', size === 'sm' ? 'w-7' : 'w-8', className))}
      {...rest}
    >
      {children}
    </button>
  );
}
