import { clsx } from 'clsx';
import { Popover as Radix } from 'radix-ui';
import { type ReactNode, use } from 'react';
import { Layer } from './Layer';

/** A small panel beside its trigger, for more than a menu holds. Not modal, as `Menu` is not. */
export function Popover({
  trigger,
  label,
  children,
  align = 'start',
  className,
  open,
  onOpenChange,
}: {
  trigger: ReactNode;
  /** Of the panel, read aloud. */
  label: string;
  children: ReactNode;
  align?: 'start' | 'end';
  className?: string;
  open?: boolean;
  onOpenChange?: (open: boolean) => void;
}) {
  const layer = use(Layer);
  return (
    <Radix.Root {...(open === undefined ? {} : { open })} {...(onOpenChange ? { onOpenChange } : {})}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal container={layer}>
        <Radix.Content
          aria-label={label}
          align={align}
          sideOffset={6}
          collisionPadding={8}
          className={clsx('z-40 w-64 rounded-lg border bg-raised p-2 shadow-pop outline-none', className)}
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
