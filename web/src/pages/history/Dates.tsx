/** When it was launched: a span that ends now, or days. */
import { clsx } from 'clsx';
import { CalendarDays } from 'lucide-react';
import { Field } from '@/components/Field';
import { Popover } from '@/components/Popover';
import { DayInput } from './DayInput';
import { type Change, type Filters, SPANS, type Span } from './filters';
import { FilterTrigger } from './FilterTrigger';

const SPAN_WORDS: Record<Span, string> = {
  '1h': 'Last hour',
  '24h': 'Last 24 hours',
  '7d': 'Last 7 days',
  '30d': 'Last 30 days',
};

export function Dates({ filters, onChange }: { filters: Filters; onChange: Change }) {
  const { span, from, to } = filters;
  const words = span
    ? SPAN_WORDS[span]
    : from && to
      ? from === to
        ? from
        : `${from} – ${to}`
      : from
        ? `From ${from}`
        : to
          ? `Until ${to}`
          : undefined;
  return (
    <Popover
      label="Filter by when it was launched"
      trigger={
        <FilterTrigger active={words !== undefined} icon={<CalendarDays aria-hidden="true" />}>
          {words ?? 'Any time'}
        </FilterTrigger>
      }
    >
      <div role="group" aria-label="Spans" className="flex flex-col">
        {(Object.keys(SPANS) as Span[]).map((one) => (
          <button
            key={one}
            type="button"
            aria-pressed={span === one}
            onClick={() => onChange({ span: span === one ? undefined : one, from: undefined, to: undefined })}
            className={clsx(
              'rounded-md px-2 py-1.5 text-left text-sm hover:bg-hover',
              span === one && 'bg-accent-soft text-accent-text',
            )}
          >
            {SPAN_WORDS[one]}
          </button>
        ))}
      </div>
      <div className="mt-2 grid grid-cols-2 gap-2 border-t pt-2">
        <Field label="From">
          {(control) => (
            <DayInput {...control} value={from} max={to} onChange={(day, isSameStep) => onChange({ span: undefined, from: day }, isSameStep)} />
          )}
        </Field>
        <Field label="To">
          {(control) => (
            <DayInput {...control} value={to} min={from} onChange={(day, isSameStep) => onChange({ span: undefined, to: day }, isSameStep)} />
          )}
        </Field>
      </div>
    </Popover>
  );
}
