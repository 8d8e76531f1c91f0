/** The rows. A table to assistive technology; a grid to the eye, which becomes cards where it is narrow. */
import { clsx } from 'clsx';
import { Ban, Ellipsis, MessagesSquare, Play, RotateCcw } from 'lucide-react';
import { Fragment, type KeyboardEvent, memo, type MouseEvent, useEffect, useState } from 'react';
import { Link } from 'react-router';
import { paths } from '@/app/paths';
import { Label } from '@/components/Badge';
import { IconButton } from '@/components/Button';
import { Checkbox } from '@/components/Field';
import { Menu, MenuItem, MenuLink } from '@/components/Menu';
import { Progress } from '@/components/Progress';
import { Skeleton } from '@/components/states';
import { CATEGORY_WORDS, StatusPill } from '@/components/StatusPill';
import { Elapsed, Time } from '@/components/Time';
import { span } from '@/components/time';
import type { Row } from './list';

export interface RowActions {
  onSelect: (row: Row, selected: boolean) => void;
  onCancel: (rows: readonly Row[]) => void;
  onRetry: (rows: readonly Row[]) => void;
  /** The menu of a row opens or closes. */
  onMenu: (isOpen: boolean) => void;
}

const GRID =
  'grid grid-cols-[1.5rem_minmax(0,1fr)_auto] md:grid-cols-[1.5rem_7.25rem_minmax(0,2fr)_minmax(0,1fr)_5.5rem_6rem_5rem_1.75rem] ' +
  '2xl:grid-cols-[1.5rem_9rem_minmax(0,3fr)_minmax(0,2fr)_minmax(0,10rem)_9rem_7rem_1.75rem] items-center gap-x-3 px-3 2xl:gap-x-5 2xl:px-4';

/** As many stand in a row. */
const LABELS = 2;

const HEADINGS = ['Status', 'Execution', 'Labels', 'Launched by', 'Started', 'Duration'];

export function HistoryTable({
  rows,
  selected,
  onSelectAll,
  ...actions
}: RowActions & {
  rows: readonly { node: Row }[];
  selected: ReadonlyMap<string, Row>;
  onSelectAll: (selected: boolean) => void;
}) {
  const chosen = rows.filter(({ node }) => selected.has(node.id)).length;
  return (
    <div role="table" aria-label="Executions" className="card">
      <div role="rowgroup" className="sticky top-12 z-20 rounded-t-[0.6rem] border-b bg-sunken lg:top-0">
        <div role="row" className={clsx(GRID, 'h-9 text-xs font-medium text-muted')}>
          <div role="columnheader" className="flex">
            <Checkbox
              label="Select all on this page"
              hideLabel
              checked={chosen > 0 && chosen === rows.length}
              indeterminate={chosen > 0 && chosen < rows.length}
              onChange={(event) => onSelectAll(event.target.checked)}
            />
          </div>
          {HEADINGS.map((heading, at) => (
            <div
              key={heading}
              role="columnheader"
              className={clsx(at > 1 && 'max-md:sr-only', at === 0 && 'max-md:sr-only', at === 5 && 'md:text-right')}
            >
              {heading}
            </div>
          ))}
          <div role="columnheader">
            <span className="sr-only">Actions</span>
          </div>
        </div>
      </div>
      <div role="rowgroup" className="divide-y">
        {rows.map(({ node }) => (
          <HistoryRow key={node.id} row={node} selected={selected.has(node.id)} {...actions} />
        ))}
      </div>
    </div>
  );
}

const HistoryRow = memo(function HistoryRow({
  row,
  selected,
  onSelect,
  onCancel,
  onRetry,
  onMenu,
}: RowActions & { row: Row; selected: boolean }) {
  const name = row.executionType?.name ?? row.executionKey;
  const set = row.dataSet.id;
  const canceling = row.cancellation && !row.isTerminal;
  // What has just been launched lights up as it comes, and not when it is scrolled or paged to.
  const [isNew] = useState(() => isFresh(row.createdAt));
  return (
    <div
      role="row"
      data-execution={row.id}
      className={clsx(
        GRID,
        'relative py-2.5 text-sm last:rounded-b-[0.6rem] md:h-14 md:py-0',
        selected ? 'bg-accent-soft/60' : 'hover:bg-hover',
        isNew && 'animate-arrive',
      )}
    >
      <div role="cell" className="z-10 flex self-start pt-0.5 md:self-center md:pt-0">
        <Checkbox
          label={`Select ${name}, ${row.id}`}
          hideLabel
          checked={selected}
          onChange={(event) => onSelect(row, event.target.checked)}
        />
      </div>
      <div role="cell" className="flex min-w-0 items-center gap-2 max-md:order-1 max-md:col-start-2 max-md:mt-1.5">
        <StatusPill status={row.status} category={row.failure?.category} />
      </div>
      <div role="cell" className="min-w-0 max-md:order-none max-md:col-start-2 max-md:row-start-1">
        <Link
          to={paths.execution(set, row.id)}
          className="block truncate font-medium after:absolute after:inset-0 after:content-[''] focus-visible:outline-none focus-visible:after:rounded-md focus-visible:after:outline-2 focus-visible:after:-outline-offset-2 focus-visible:after:outline-focus"
        >
          {name}
        </Link>
        <div className="mt-0.5 flex min-w-0 items-center gap-x-1.5 text-xs text-muted max-md:flex-wrap">
          <Subline row={row} canceling={Boolean(canceling)} />
        </div>
      </div>
      <div
        role="cell"
        className={clsx(
          'flex min-w-0 gap-1 overflow-hidden max-md:flex-wrap max-md:order-3 max-md:col-span-2 max-md:col-start-2',
          row.labels.length > 0 && 'max-md:mt-2',
        )}
      >
        {row.labels.slice(0, LABELS).map((label) => (
          <Label key={label}>{label}</Label>
        ))}
        {row.labels.length > LABELS && (
          <span title={row.labels.slice(LABELS).join(', ')} className="relative z-10 shrink-0 text-xs text-faint">
            {`+${row.labels.length - LABELS}`}
          </span>
        )}
      </div>
      <div role="cell" className="truncate text-muted max-md:hidden">
        {row.launchedBy.name}
      </div>
      <div role="cell" className="truncate text-muted max-md:order-2 max-md:mt-1.5 max-md:text-xs">
        {row.startedAt ? <Time at={row.startedAt} className="relative z-10" /> : <span className="text-faint">{row.isTerminal ? 'Never' : 'In the queue'}</span>}
      </div>
      <div role="cell" className="text-right text-muted max-md:hidden">
        <Duration row={row} />
      </div>
      <div role="cell" className="z-10 flex justify-end max-md:col-start-3 max-md:row-start-1 max-md:self-start">
        <RowMenu row={row} name={name} onCancel={onCancel} onRetry={onRetry} onMenu={onMenu} />
      </div>
    </div>
  );
});

const FRESH_MS = 5_000;
const isFresh = (createdAt: string) => Date.now() - Date.parse(createdAt) < FRESH_MS;

/** Drawn with the entries, and gone with them: also where the row itself goes. */
function WhileOpen({ onMenu }: Pick<RowActions, 'onMenu'>) {
  useEffect(() => {
    onMenu(true);
    return () => onMenu(false);
  }, [onMenu]);
  return null;
}

/** The menu of a row. Most are never opened, so it is made when it is: a page of them is what drawing a list costs. */
function RowMenu({ row, name, onCancel, onRetry, onMenu }: Omit<RowActions, 'onSelect'> & { row: Row; name: string }) {
  const [opened, setOpened] = useState<'key' | 'pointer'>();
  const set = row.dataSet.id;
  const trigger = (
    <IconButton
      label={`Actions for ${name}, ${row.id}`}
      title="Actions"
      size="sm"
      {...(opened
        ? {}
        : {
            'aria-haspopup': 'menu',
            'aria-expanded': false,
            // A click that no pointer made is Enter's or the space bar's.
            onClick: (event: MouseEvent) => setOpened(event.detail === 0 ? 'key' : 'pointer'),
            onKeyDown: (event: KeyboardEvent) => {
              if (event.key !== 'ArrowDown') return;
              event.preventDefault();
              setOpened('key');
            },
          })}
    >
      <Ellipsis aria-hidden="true" />
    </IconButton>
  );
  if (!opened) return trigger;
  return (
    <Menu align="end" opened={opened} trigger={trigger}>
      <WhileOpen onMenu={onMenu} />
      {row.viewerCan.cancel && (
        <MenuItem danger icon={<Ban aria-hidden="true" />} onSelect={() => onCancel([row])}>
          Cancel…
        </MenuItem>
      )}
      {row.viewerCan.retry && (
        <MenuItem icon={<RotateCcw aria-hidden="true" />} onSelect={() => onRetry([row])}>
          Retry
        </MenuItem>
      )}
      <MenuLink to={paths.launch(set, { from: row.id })} icon={<Play aria-hidden="true" />}>
        Launch again…
      </MenuLink>
      <MenuLink to={paths.conversation(set, row.conversation.id, row.id)} icon={<MessagesSquare aria-hidden="true" />}>
        Conversation
      </MenuLink>
    </Menu>
  );
}

function Subline({ row, canceling }: { row: Row; canceling: boolean }) {
  const failed = row.failure && row.failure.category !== 'CANCELED' ? row.failure : undefined;
  const name = row.executionType?.name ?? row.executionKey;
  const parts = [
    row.agent.name !== name ? <span className="truncate">{row.agent.name}</span> : undefined,
    canceling ? <span className="shrink-0 font-medium text-wait">Canceling…</span> : undefined,
    !row.isTerminal && row.progress && !canceling ? (
      <Progress className="relative z-10 w-28 shrink-0" {...row.progress} />
    ) : undefined,
    row.attempt > 1 ? <span className="shrink-0">{`attempt ${row.attempt} of ${row.maxAttempts}`}</span> : undefined,
    failed ? <span className="truncate text-bad">{CATEGORY_WORDS[failed.category]}</span> : undefined,
  ].filter((part) => part !== undefined);
  // An agent that is named like its type says nothing more; its id does.
  if (parts.length === 0) return <span className="truncate font-mono text-2xs">{`…${row.id.slice(-8)}`}</span>;
  return parts.map((part, at) => (
    <Fragment key={at}>
      {at > 0 && <span aria-hidden="true">·</span>}
      {part}
    </Fragment>
  ));
}

function Duration({ row }: { row: Row }) {
  if (row.durationMs !== null) return <span className="tabular">{span(row.durationMs)}</span>;
  if (row.startedAt && !row.isTerminal) return <Elapsed from={row.startedAt} />;
  return <span className="text-faint">–</span>;
}

/** Of the height of the rows to come. */
export function HistorySkeleton({ rows }: { rows: number }) {
  return (
    <div role="status" aria-label="Loading the executions" className="card">
      <div className="h-9 rounded-t-[0.6rem] border-b bg-sunken" />
      <div className="divide-y">
        {Array.from({ length: rows }, (_, at) => (
          <div key={at} className={clsx(GRID, 'h-[4.6rem] md:h-14')}>
            <Skeleton className="size-4" />
            <Skeleton className="h-5 w-24 max-md:hidden" />
            <div className="flex flex-col gap-1.5">
              <Skeleton className="h-4 w-48 max-w-full" />
              <Skeleton className="h-3 w-28" />
            </div>
          </div>
        ))}
      </div>
    </div>
  );
}
