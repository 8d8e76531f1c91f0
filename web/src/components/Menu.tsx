import { clsx } from 'clsx';
import { Check } from 'lucide-react';
import { DropdownMenu } from 'radix-ui';
import { type FocusEvent, type ReactNode, use, useRef } from 'react';
import { Link } from 'react-router';
import { Layer } from './Layer';

const itemClass =
  'flex w-full cursor-pointer items-center gap-2 rounded-md px-2 py-1.5 text-sm text-text outline-none select-none ' +
  'data-highlighted:bg-hover data-disabled:cursor-default data-disabled:text-faint [&_svg]:size-4 [&_svg]:shrink-0 [&_svg]:text-faint';

/** A menu of actions. Not modal: a modal one would inject styles against the page's policy. */
export function Menu({
  trigger,
  children,
  align = 'start',
  side = 'bottom',
  className,
  opened,
}: {
  trigger: ReactNode;
  children: ReactNode;
  align?: 'start' | 'end';
  side?: 'top' | 'bottom' | 'right';
  className?: string;
  /** It was made by being opened, and this is how. */
  opened?: 'key' | 'pointer' | undefined;
}) {
  const layer = use(Layer);
  // The library knows of keys that were pressed while it was there: of this one it does not, and would mark no entry.
  const toFirst = useRef(opened === 'key');
  const onFocus = (event: FocusEvent<HTMLElement>) => {
    if (!toFirst.current || event.target !== event.currentTarget) return;
    toFirst.current = false;
    event.currentTarget.querySelector<HTMLElement>('[role^=menuitem]:not([data-disabled])')?.focus();
  };
  return (
    <DropdownMenu.Root modal={false} defaultOpen={opened !== undefined}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal container={layer}>
        <DropdownMenu.Content
          onFocus={onFocus}
          align={align}
          side={side}
          sideOffset={6}
          collisionPadding={8}
          className={clsx(
            'z-50 max-h-[min(24rem,var(--radix-dropdown-menu-content-available-height))] min-w-48 overflow-y-auto rounded-lg border bg-raised p-1 shadow-pop',
            className,
          )}
        >
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

export function MenuItem({
  icon,
  danger = false,
  children,
  onSelect,
  disabled,
}: {
  icon?: ReactNode;
  danger?: boolean;
  children: ReactNode;
  onSelect?: () => void;
  disabled?: boolean;
}) {
  return (
    <DropdownMenu.Item
      className={clsx(itemClass, danger && 'text-bad [&_svg]:text-bad')}
      onSelect={onSelect}
      disabled={disabled}
    >
      {icon}
      {children}
    </DropdownMenu.Item>
  );
}

export function MenuLink({ to, icon, children }: { to: string; icon?: ReactNode; children: ReactNode }) {
  return (
    <DropdownMenu.Item asChild>
      <Link to={to} className={itemClass}>
        {icon}
        {children}
      </Link>
    </DropdownMenu.Item>
  );
}

export function MenuRadioGroup({
  value,
  onChange,
  children,
}: {
  value: string;
  onChange: (value: string) => void;
  children: ReactNode;
}) {
  return (
    <DropdownMenu.RadioGroup value={value} onValueChange={onChange}>
      {children}
    </DropdownMenu.RadioGroup>
  );
}

export function MenuRadio({ value, icon, children }: { value: string; icon?: ReactNode; children: ReactNode }) {
  return (
    <DropdownMenu.RadioItem value={value} className={itemClass}>
      {icon}
      <span className="min-w-0 flex-1 truncate">{children}</span>
      <DropdownMenu.ItemIndicator>
        <Check aria-hidden="true" />
      </DropdownMenu.ItemIndicator>
    </DropdownMenu.RadioItem>
  );
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return <DropdownMenu.Label className="px-2 pt-1.5 pb-1 text-xs text-faint">{children}</DropdownMenu.Label>;
}

export function MenuSeparator() {
  return <DropdownMenu.Separator className="-mx-1 my-1 h-px bg-line" />;
}
