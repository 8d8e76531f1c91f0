/** The filters of the history: counts by status, and menus. All it does is change the address. */
import { clsx } from 'clsx';
import { CalendarDays, ChevronDown, Search, X } from 'lucide-react';
import { type ReactNode, useId, useState } from 'react';
import { useQuery } from 'urql';
import { useSession } from '@/app/ShellContext';
import { Button, buttonClass } from '@/components/Button';
import { Checkbox, Field, Input } from '@/components/Field';
import { Popover } from '@/components/Popover';
import { STATUS_WORDS, StatusIcon } from '@/components/StatusPill';
import { count } from '@/components/time';
import type { ExecutionFilter, ExecutionStatus } from '@/gql/graphql';
import { type Filters, isFiltered, NO_FILTERS, SPANS, type Span, STATUSES } from './filters';
import type { Count } from './list';
import { HistoryFacetsDocument, HistoryMenusDocument } from './operations';

type Change = (change: Partial<Filters>) => void;

const SPAN_WORDS: Record<Span, string> = {
  '1h': 'Last hour',
  '24h': 'Last 24 hours',
  '7d': 'Last 7 days',
  '30d': 'Last 30 days',
};

export function FilterBar({
  dataSetId,
  filters,
  filter,
  counts,
  onChange,
}: {
  dataSetId: string;
  filters: Filters;
  /** The same for the API. */
  filter: ExecutionFilter;
  counts: readonly Count[] | undefined;
  onChange: Change;
}) {
  const [{ data }] = useQuery({ query: HistoryMenusDocument, variables: { dataSetId } });
  const session = useSession();
  // Counting costs the server something, so it is asked when someone looks.
  const [looked, setLooked] = useState(false);
  const [{ data: counted }] = useQuery({
    query: HistoryFacetsDocument,
    variables: { filter },
    // Another user's name comes from here too.
    pause: !looked && !filters.users.some((id) => session && id !== session.user.id),
    requestPolicy: 'cache-and-network',
  });
  const facets = counted?.executionFacets;
  const agents = (data?.agents.nodes ?? []).map(({ id, name, retiredAt }) => ({
    value: id,
    label: retiredAt ? `${name} (retired)` : name,
    count: facets && (facets.agents.find((one) => one.agent.id === id)?.count ?? 0),
  }));
  const types = (data?.dataSet?.executionTypes ?? []).map(({ key, name }) => ({
    value: key,
    label: name,
    count: facets && (facets.executionKeys.find((one) => one.value === key)?.count ?? 0),
  }));
  // Types that are no longer registered, and still occur.
  for (const one of facets?.executionKeys ?? []) {
    if (!types.some((type) => type.value === one.value)) types.push({ value: one.value, label: one.label, count: one.count });
  }
  const labels = (facets?.labels ?? []).map(({ value, count: number }) => ({ value, label: value, count: number }));
  const me = session?.user;
  const others = (facets?.launchedBy ?? []).filter((one) => one.user.id !== me?.id);
  const users = [
    ...(me ? [{ value: me.id, label: `${me.name} (you)`, count: facets && (facets.launchedBy.find((one) => one.user.id === me.id)?.count ?? 0) }] : []),
    ...others.map(({ user, count: number }) => ({ value: user.id, label: user.name, count: number })),
  ];
  const look = () => setLooked(true);
  return (
    <div className="mb-4 flex flex-col gap-3">
      <StatusTabs filters={filters} counts={counts} onChange={onChange} />
      <div role="search" aria-label="Filter the executions" className="flex flex-wrap items-center gap-2">
        <SearchBox key={filters.search} value={filters.search} onChange={(search) => onChange({ search })} />
        <Choice label="Agent" onLook={look} options={agents} chosen={filters.agents} onChange={(value) => onChange({ agents: value })} />
        <Choice label="Type" onLook={look} options={types} chosen={filters.types} onChange={(value) => onChange({ types: value })} />
        <Choice
          label="Label"
          onLook={look}
          options={labels}
          chosen={filters.labels}
          onChange={(value) => onChange({ labels: value })}
          free="Find or add a label"
        />
        <Dates filters={filters} onChange={onChange} />
        <Choice label="Launched by" onLook={look} options={users} chosen={filters.users} onChange={(value) => onChange({ users: value })} />
        {isFiltered(filters) && (
          <Button look="ghost" icon={<X aria-hidden="true" />} onClick={() => onChange(NO_FILTERS)}>
            Clear
          </Button>
        )}
      </div>
    </div>
  );
}

function StatusTabs({
  filters,
  counts,
  onChange,
}: {
  filters: Filters;
  counts: readonly Count[] | undefined;
  onChange: Change;
}) {
  const of = (status: ExecutionStatus) => counts?.find((one) => one.status === status);
  const all = counts?.reduce((sum, one) => sum + one.count, 0);
  const exact = counts?.every((one) => one.isExact) ?? true;
  return (
    <div role="group" aria-label="Status" className="-mx-1 flex gap-1 overflow-x-auto p-1">
      <StatusTab pressed={filters.statuses.length === 0} onPress={() => onChange({ statuses: [] })} number={all} exact={exact}>
        All
      </StatusTab>
      {STATUSES.map((status) => {
        const pressed = filters.statuses.includes(status);
        return (
          <StatusTab
            key={status}
            pressed={pressed}
            number={of(status)?.count}
            exact={of(status)?.isExact ?? true}
            icon={
              <span
                className={clsx(
                  'flex [&_svg]:size-3.5',
                  { PENDING: 'text-wait', IN_PROGRESS: 'text-run', FINISHED: 'text-ok', FAILED: 'text-bad' }[status],
                )}
              >
                <StatusIcon status={status} />
              </span>
            }
            onPress={() =>
              onChange({
                statuses: pressed ? filters.statuses.filter((one) => one !== status) : [...filters.statuses, status],
              })
            }
          >
            {STATUS_WORDS[status]}
          </StatusTab>
        );
      })}
    </div>
  );
}

function StatusTab({
  pressed,
  onPress,
  number,
  exact,
  icon,
  children,
}: {
  pressed: boolean;
  onPress: () => void;
  number: number | undefined;
  exact: boolean;
  icon?: ReactNode;
  children: string;
}) {
  return (
    <button
      type="button"
      aria-pressed={pressed}
      onClick={onPress}
      className={clsx(
        'inline-flex h-8 shrink-0 items-center gap-1.5 rounded-md px-2.5 text-sm font-medium transition-colors',
        pressed ? 'bg-surface text-text shadow-card ring-1 ring-line-strong' : 'text-muted hover:bg-hover hover:text-text',
      )}
    >
      {icon}
      {children}
      {/* As wide as most numbers get, so that nothing moves when they come. */}
      <span className="tabular min-w-4 text-right text-xs text-faint">
        {number === undefined ? '–' : `${count(number)}${exact ? '' : '+'}`}
      </span>
    </button>
  );
}

function SearchBox({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const [text, setText] = useState(value);
  const id = useId();
  return (
    <form
      className="relative w-full sm:w-64"
      onSubmit={(event) => {
        event.preventDefault();
        onChange(text.trim());
      }}
    >
      <label htmlFor={id} className="sr-only">
        Search by the start of an id or a label
      </label>
      <Search aria-hidden="true" className="pointer-events-none absolute top-1/2 left-2.5 size-4 -translate-y-1/2 text-faint" />
      <Input
        id={id}
        type="search"
        value={text}
        maxLength={200}
        placeholder="Id or label…"
        className="h-8! pl-8"
        onChange={(event) => {
          setText(event.target.value);
          if (event.target.value === '') onChange('');
        }}
        onBlur={() => text.trim() !== value && onChange(text.trim())}
      />
    </form>
  );
}

interface Option {
  value: string;
  label: string;
  count?: number | undefined;
}

function FilterTrigger({ active, icon, children, ...rest }: { active: boolean; icon?: ReactNode; children: ReactNode }) {
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

/** Several of a list; `free` takes values that the list does not hold. */
function Choice({
  label,
  options,
  chosen,
  onChange,
  onLook,
  free,
}: {
  label: string;
  options: Option[];
  onLook: () => void;
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
    if (free && value && !chosen.includes(value)) onChange([...chosen, value]);
    setText('');
  };
  return (
    <Popover
      label={`Filter by ${label.toLowerCase()}`}
      onOpenChange={(open) => {
        if (open) onLook();
      }}
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
            add();
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
                {option.count !== undefined && <span className="tabular text-xs text-faint">{count(option.count)}</span>}
              </span>
            }
          />
        ))}
        {found.length === 0 && (
          <p className="px-2 py-1.5 text-sm text-muted">{free ? 'None chosen' : 'Nothing to choose from'}</p>
        )}
      </div>
    </Popover>
  );
}

function Dates({ filters, onChange }: { filters: Filters; onChange: Change }) {
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
            <Input
              {...control}
              type="date"
              className="h-8! px-1.5!"
              value={from ?? ''}
              max={to}
              onChange={(event) => onChange({ span: undefined, from: event.target.value || undefined })}
            />
          )}
        </Field>
        <Field label="To">
          {(control) => (
            <Input
              {...control}
              type="date"
              className="h-8! px-1.5!"
              value={to ?? ''}
              min={from}
              onChange={(event) => onChange({ span: undefined, to: event.target.value || undefined })}
            />
          )}
        </Field>
      </div>
    </Popover>
  );
}
