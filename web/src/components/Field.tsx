import { clsx } from 'clsx';
import { ChevronDown } from 'lucide-react';
import { type ComponentProps, type ReactNode, useId } from 'react';

export const controlClass =
  'w-full rounded-md border border-line-strong bg-surface px-2.5 text-sm text-text shadow-card transition-colors ' +
  'placeholder:text-faint hover:border-faint disabled:opacity-60 [&:is(input,textarea):read-only]:bg-sunken ' +
  'aria-invalid:border-bad focus-visible:outline-offset-0';

/** What a control needs to be known by its label, hint and error. */
export interface ControlProps {
  id: string;
  'aria-describedby'?: string;
  'aria-invalid'?: true;
  'aria-required'?: true;
}

/** A control with its label, hint and error, tied together for assistive technology. */
export function Field({
  label,
  hint,
  error,
  required = false,
  className,
  children,
}: {
  label: ReactNode;
  hint?: ReactNode;
  error?: ReactNode;
  required?: boolean;
  className?: string;
  children: (control: ControlProps) => ReactNode;
}) {
  const id = useId();
  const described = [hint ? `${id}-hint` : '', error ? `${id}-error` : ''].filter(Boolean).join(' ');
  return (
    <div className={clsx('flex min-w-0 flex-col gap-1.5', className)}>
      <label htmlFor={id} className="text-sm font-medium">
        {label}
        {required && (
          <span className="text-bad" aria-hidden="true">
            {' '}
            *
          </span>
        )}
      </label>
      {children({
        id,
        ...(described ? { 'aria-describedby': described } : {}),
        ...(error ? { 'aria-invalid': true as const } : {}),
        ...(required ? { 'aria-required': true as const } : {}),
      })}
      {hint && (
        <p id={`${id}-hint`} className="text-xs text-muted">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} className="text-xs font-medium text-bad">
          {error}
        </p>
      )}
    </div>
  );
}

export function Input({ className, ...rest }: ComponentProps<'input'>) {
  return <input className={clsx(controlClass, 'h-9', className)} {...rest} />;
}

export function Textarea({ className, ...rest }: ComponentProps<'textarea'>) {
  return <textarea className={clsx(controlClass, 'min-h-20 py-2', className)} {...rest} />;
}

/** The platform's own select: it works with every keyboard, screen reader and phone. */
export function Select({ className, children, ...rest }: ComponentProps<'select'>) {
  return (
    <span className={clsx('relative inline-flex min-w-0', className)}>
      <select className={clsx(controlClass, 'h-9 appearance-none truncate pr-8')} {...rest}>
        {children}
      </select>
      <ChevronDown
        aria-hidden="true"
        className="pointer-events-none absolute top-1/2 right-2.5 size-4 -translate-y-1/2 text-faint"
      />
    </span>
  );
}

export function Checkbox({
  label,
  hideLabel = false,
  indeterminate = false,
  className,
  ...rest
}: Omit<ComponentProps<'input'>, 'type' | 'ref'> & { label: ReactNode; hideLabel?: boolean; indeterminate?: boolean }) {
  return (
    <label className={clsx('inline-flex items-center gap-2 text-sm', className)}>
      <input
        type="checkbox"
        className="size-4 shrink-0 cursor-pointer rounded accent-accent"
        ref={(element) => {
          if (element) element.indeterminate = indeterminate;
        }}
        {...rest}
      />
      <span className={clsx(hideLabel && 'sr-only')}>{label}</span>
    </label>
  );
}
