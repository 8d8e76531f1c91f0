/** The statuses as buttons, each with how many there are. */
import { clsx } from 'clsx';
import type { ReactNode } from 'react';
import { STATUS_WORDS, StatusIcon } from '@/components/StatusPill';
import { count } from '@/components/time';
import type { ExecutionStatus } from '@/gql/graphql';
import { type Change, type Filters, STATUSES } from './filters';
import type { Count } from './list';

export function StatusTabs({
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
        {number === undefined ? '–' : count(number, exact)}
      </span>
    </button>
  );
}
