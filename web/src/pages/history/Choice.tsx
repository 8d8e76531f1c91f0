import { useState } from 'react';
import type { Missing } from '@/api/wholeList';
import { Button } from '@/components/Button';
import { Checkbox, Input } from '@/components/Field';
import { ListEnd } from '@/components/ListEnd';
import { Popover } from '@/components/Popover';
import { count } from '@/components/time';
import { FilterTrigger } from './FilterTrigger';

export interface Option {
  value: string;
  label: string;
  count?: number | undefined;
}

/** Several of a list; `free` takes values that the list does not hold. */
export function Choice({
  label,
  options,
  missing = 'nothing',
  isExact = true,
  chosen,
  onChange,
  onOpenChange,
  free,
}: {
  label: string;
  options: Option[];
  /** What of the options is not there. */
  missing?: Missing;
  /** False where not all was counted. */
  isExact?: boolean;
  onOpenChange: (open: boolean) => void;
  chosen: string[];
  onChange: (chosen: string[]) => void;
  free?: string;
}) {
  const [text, setText] = useState('');
  // What is chosen stays in the list, whatever the server offers now.
  const listed: Option[] = [
    ...options,
    ...chosen.filter((value) => !options.some((one) => one.value === value)).map((value) => ({ value, label: value })),
  ];
  const wanted = text.trim().toLowerCase();
  const found = wanted ? listed.filter((one) => one.label.toLowerCase().includes(wanted)) : listed;
  const first = listed.find((one) => one.value === chosen[0]);
  const add = () => {
    const value = text.trim();
    if (value && !chosen.includes(value)) onChange([...chosen, value]);
    setText('');
  };
  return (
    <Popover
      label={`Filter by ${label.toLowerCase()}`}
      onOpenChange={onOpenChange}
      trigger={
        <FilterTrigger active={chosen.length > 0}>
          {label}
          {first && `: ${first.label}`}
          {chosen.length > 1 && ` +${chosen.length - 1}`}
        </FilterTrigger>
      }
    >
      {(free || options.length > 8) && (
        <form
          className="mb-1 flex gap-1.5"
          onSubmit={(event) => {
            event.preventDefault();
            // To find, Enter does nothing more than typing has done.
            if (free) add();
          }}
        >
          <Input
            aria-label={free ?? `Find a ${label.toLowerCase()}`}
            placeholder={free ?? 'Find…'}
            value={text}
            maxLength={200}
            onChange={(event) => setText(event.target.value)}
            className="h-8!"
          />
          {free && (
            <Button type="submit" disabled={!text.trim()}>
              Add
            </Button>
          )}
        </form>
      )}
      <div role="group" aria-label={label} className="max-h-72 overflow-y-auto">
        {found.map((option) => (
          <Checkbox
            key={option.value}
            className="w-full rounded-md px-2 py-1.5 hover:bg-hover [&>span]:min-w-0 [&>span]:flex-1"
            checked={chosen.includes(option.value)}
            onChange={(event) =>
              onChange(
                event.target.checked ? [...chosen, option.value] : chosen.filter((value) => value !== option.value),
              )
            }
            label={
              <span className="flex items-center gap-2">
                <span className="min-w-0 flex-1 truncate">{option.label}</span>
                {option.count !== undefined && <span className="tabular text-xs text-faint">{count(option.count, isExact)}</span>}
              </span>
            }
          />
        ))}
        {found.length === 0 && missing === 'nothing' && (
          <p className="px-2 py-1.5 text-sm text-muted">{free ? 'None chosen' : 'Nothing to choose from'}</p>
        )}
        <ListEnd missing={missing} />
        {!isExact && options.some((one) => one.count !== undefined) && (
          <p className="px-2 py-1.5 text-xs text-muted">
            Only the newest executions were counted: there may be more of each, and others.
          </p>
        )}
      </div>
    </Popover>
  );
}
