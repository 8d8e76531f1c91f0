import { Tabs as Radix } from 'radix-ui';
import type { ReactNode } from 'react';

export interface Tab {
  key: string;
  label: ReactNode;
  content: ReactNode;
}

/** Tabs by the arrow keys. Give `value` and `onChange` where the tab belongs in the URL. */
export function Tabs({
  tabs,
  label,
  value,
  onChange,
  trailing,
}: {
  tabs: Tab[];
  label: string;
  value?: string;
  onChange?: (key: string) => void;
  trailing?: ReactNode;
}) {
  return (
    <Radix.Root
      {...(value === undefined ? { defaultValue: tabs[0]?.key } : { value })}
      {...(onChange ? { onValueChange: onChange } : {})}
    >
      <div className="flex items-center gap-2 border-b">
        <Radix.List aria-label={label} className="-mb-px flex min-w-0 flex-1 gap-4 overflow-x-auto px-px">
          {tabs.map((tab) => (
            <Radix.Trigger
              key={tab.key}
              value={tab.key}
              className="inline-flex items-center gap-1.5 border-b-2 border-transparent py-2 text-sm font-medium whitespace-nowrap text-muted hover:text-text focus-visible:-outline-offset-2 data-[state=active]:border-accent data-[state=active]:text-text"
            >
              {tab.label}
            </Radix.Trigger>
          ))}
        </Radix.List>
        {trailing}
      </div>
      {tabs.map((tab) => (
        <Radix.Content key={tab.key} value={tab.key} className="pt-4 focus-visible:outline-offset-4">
          {tab.content}
        </Radix.Content>
      ))}
    </Radix.Root>
  );
}
