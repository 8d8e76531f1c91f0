/** The executions of a data set, newest first, live. */
import { ArrowUp, Ban, ChevronLeft, ChevronRight, CirclePlay, Inbox, RotateCcw, SearchX, X } from 'lucide-react';
import { clsx } from 'clsx';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { useSearchParams } from 'react-router';
import { randomKey } from '@/api/id';
import { paths } from '@/app/paths';
import { useDataSet } from '@/app/ShellContext';
import { Button, ButtonLink, IconButton } from '@/components/Button';
import { Page } from '@/components/Page';
import { EmptyState, ErrorState, errorWords, Notice } from '@/components/states';
import { CancelDialog } from '@/executions/CancelDialog';
import { useCancel, useRetry } from '@/executions/steer';
import { FilterBar } from './FilterBar';
import { type Filters, filterInput, isFiltered, NO_FILTERS, now, readFilters, writeFilters } from './filters';
import { HistorySkeleton, HistoryTable } from './HistoryTable';
import { MOST_NEW, type Row } from './list';
import { PAGE_SIZE, useHistory } from './useHistory';
import { useSelection } from './useSelection';

/** A question whether to cancel these; each has a key of its own. */
interface Asked {
  question: string;
  rows: readonly Row[];
}

/** So far down the reader has a place of their own. */
const SCROLLED_PX = 80;

export function Component() {
  const { id: dataSetId, dataSet } = useDataSet();
  const [search, setSearch] = useSearchParams();
  const query = search.toString();
  // Which list it is, on whichever of its pages.
  const list = useMemo(() => writeFilters(readFilters(new URLSearchParams(query))).toString(), [query]);
  const filters = useMemo(() => readFilters(new URLSearchParams(list)), [list]);
  // As of when this list was asked for: "last hour" does not move under the reader.
  const filter = useMemo(() => filterInput(filters, dataSetId, now()), [filters, dataSetId]);
  const paging = useMemo(() => {
    const params = new URLSearchParams(query);
    return { after: params.get('after') ?? undefined, before: params.get('before') ?? undefined };
  }, [query]);
  const isFirst = !paging.after && !paging.before;

  const { rows, waiting, overflown, pageInfo, statusCounts, error, cut, fetching, isOld, page, changes, reload, hold, release, renew } =
    useHistory(filter, paging);

  const change = useCallback(
    (by: Partial<Filters>, isSameStep = false) =>
      // What is typed is one step back, not one for each pause.
      setSearch(writeFilters({ ...filters, ...by }), {
        preventScrollReset: true,
        replace: isSameStep || (by.search !== undefined && by.search !== '' && filters.search !== ''),
      }),
    [filters, setSearch],
  );
  const turn = (by: Record<string, string>) => {
    const next = writeFilters(filters);
    for (const [name, value] of Object.entries(by)) next.set(name, value);
    setSearch(next);
  };

  const { selected, select, deselect } = useSelection(list);
  const [isMenuOpen, setMenuOpen] = useState(false);
  const isAtRows = isMenuOpen || selected.size > 0;
  // Nothing is put above a reader who has scrolled, or who is about to do something to rows: those stay where they are.
  useEffect(() => {
    const onScroll = () => {
      if (isAtRows || window.scrollY > SCROLLED_PX) hold();
      else if (!overflown) release();
    };
    onScroll();
    window.addEventListener('scroll', onScroll, { passive: true });
    return () => window.removeEventListener('scroll', onScroll);
    // A list that was read anew is held where the reader is.
  }, [hold, release, overflown, page, isAtRows]);
  const showNew = () => {
    if (overflown) reload();
    else release();
    window.scrollTo({ top: 0 });
  };

  // A selected row is as it is now, where it is on the screen.
  const chosen = [...selected.values()].map((row) => rows?.find((one) => one.node.id === row.id)?.node ?? row);

  const [canceling, setCanceling] = useState<Asked>();
  const cancel = useCancel();
  const retry = useRetry();
  // Rows that are still on their way out are no part of the list that was asked for.
  const onSelect = useCallback((row: Row, on: boolean) => !isOld && select([row], on), [select, isOld]);
  const onCancel = useCallback((rows: readonly Row[]) => setCanceling({ question: randomKey(), rows }), []);
  const onRetry = useCallback(
    (which: readonly Row[]) => {
      void retry(which).then(({ done }) => deselect(done));
    },
    [retry, deselect],
  );
  const cancelable = chosen.filter((row) => row.viewerCan.cancel);
  const retryable = chosen.filter((row) => row.viewerCan.retry);

  return (
    <Page
      title="History"
      actions={
        dataSet?.viewerCan.launch !== false && (
          <ButtonLink look="primary" to={paths.launch(dataSetId)} icon={<CirclePlay aria-hidden="true" />}>
            Launch
          </ButtonLink>
        )
      }
    >
      <FilterBar dataSetId={dataSetId} filters={filters} filter={filter} counts={statusCounts} changes={changes} onChange={change} />

      <div aria-live="polite" className="sr-only">
        {waiting > 0 && `${waiting} new ${waiting === 1 ? 'execution' : 'executions'} above`}
      </div>
      {waiting > 0 && (
        <div className="pointer-events-none sticky top-24 z-30 flex h-0 justify-center lg:top-12">
          <Button look="primary" size="sm" className="pointer-events-auto rounded-full! shadow-pop" icon={<ArrowUp aria-hidden="true" />} onClick={showNew}>
            {`${overflown ? `${MOST_NEW}+` : waiting} new`}
          </Button>
        </div>
      )}

      {(error || cut) && rows && (
        <div className="mb-3">
          <Notice
            tone={error ? 'bad' : 'wait'}
            action={
              <Button size="sm" onClick={reload}>
                Reload
              </Button>
            }
          >
            {error ? errorWords(error).detail : 'This list is no longer live.'}
          </Notice>
        </div>
      )}

      {rows ? (
        <div aria-busy={isOld} className={clsx('transition-opacity duration-150', isOld && 'opacity-50 delay-100')}>
          {rows.length > 0 ? (
            <HistoryTable
              rows={rows}
              selected={selected}
              onSelect={onSelect}
              onSelectAll={(on) => !isOld && select(rows.map((one) => one.node), on)}
              onCancel={onCancel}
              onRetry={onRetry}
              onMenu={setMenuOpen}
            />
          ) : isFirst ? (
            <NoRows
              launch={dataSet?.viewerCan.launch !== false ? paths.launch(dataSetId) : undefined}
              onClear={isFiltered(filters) ? () => change(NO_FILTERS) : undefined}
            />
          ) : (
            <div className="card">
              <EmptyState
                icon={<SearchX aria-hidden="true" />}
                title="No execution is left on this page"
                action={<Button onClick={() => turn({})}>To the first page</Button>}
              />
            </div>
          )}
        </div>
      ) : error ? (
        <div className="card">
          <ErrorState error={error} onRetry={reload} />
        </div>
      ) : (
        <HistorySkeleton rows={PAGE_SIZE} />
      )}

      {pageInfo && (pageInfo.hasPreviousPage || pageInfo.hasNextPage || !isFirst) && (
        <nav aria-label="Pages of the list" className="mt-4 flex items-center justify-end gap-2">
          <Button look="ghost" unavailable={isFirst} onClick={() => turn({})}>
            Newest
          </Button>
          <Button
            unavailable={!pageInfo.hasPreviousPage || fetching}
            icon={<ChevronLeft aria-hidden="true" />}
            onClick={() => turn({ before: pageInfo.startCursor ?? '' })}
          >
            Newer
          </Button>
          <Button unavailable={!pageInfo.hasNextPage || fetching} onClick={() => turn({ after: pageInfo.endCursor ?? '' })}>
            Older
            <ChevronRight aria-hidden="true" />
          </Button>
        </nav>
      )}

      {selected.size > 0 && (
        <div
          role="region"
          aria-label="Selected executions"
          className="sticky bottom-4 z-30 mx-auto mt-4 flex w-fit max-w-full flex-wrap items-center gap-2 rounded-xl border bg-raised p-2 pl-4 text-sm shadow-pop"
        >
          <span aria-live="polite" className="tabular mr-2 font-medium">{`${selected.size} selected`}</span>
          <Button
            size="sm"
            look="danger"
            disabled={cancelable.length === 0}
            icon={<Ban aria-hidden="true" />}
            onClick={() => onCancel(cancelable)}
          >
            {`Cancel ${cancelable.length || ''}`.trim()}
          </Button>
          <Button size="sm" disabled={retryable.length === 0} icon={<RotateCcw aria-hidden="true" />} onClick={() => onRetry(retryable)}>
            {`Retry ${retryable.length || ''}`.trim()}
          </Button>
          <IconButton size="sm" label="Clear the selection" onClick={() => deselect([...selected.keys()])}>
            <X aria-hidden="true" />
          </IconButton>
        </div>
      )}

      {canceling && (
        <CancelDialog
          key={canceling.question}
          number={canceling.rows.length}
          onClose={() => setCanceling(undefined)}
          onCancel={async (reason) => {
            const { executions, done, failed } = await cancel(canceling.rows, reason);
            renew(executions);
            deselect(done);
            // What is left to ask about, should it be asked again.
            const rest = canceling.rows.filter((row) => !done.includes(row.id));
            if (failed) setCanceling((was) => (was === canceling ? { ...canceling, rows: rest } : was));
            return failed;
          }}
        />
      )}
    </Page>
  );
}

/** Either nothing matches the filters, or there is nothing at all. */
function NoRows({ launch, onClear }: { launch: string | undefined; onClear: (() => void) | undefined }) {
  return (
    <div className="card">
      {onClear ? (
        <EmptyState
          icon={<SearchX aria-hidden="true" />}
          title="No execution matches"
          action={<Button onClick={onClear}>Clear the filters</Button>}
        >
          One that matches will appear here by itself.
        </EmptyState>
      ) : (
        <EmptyState
          icon={<Inbox aria-hidden="true" />}
          title="Nothing has run here yet"
          action={
            launch && (
              <ButtonLink look="primary" to={launch} icon={<CirclePlay aria-hidden="true" />}>
                Launch the first execution
              </ButtonLink>
            )
          }
        >
          An execution is a job that an agent works off on its own. You will see each of its steps.
        </EmptyState>
      )}
    </div>
  );
}
