/** Reads a page of the history, and keeps it right while it is open. For one data set. */
import { stringifyDocument } from '@urql/core';
import { startTransition, useCallback, useEffect, useMemo, useState } from 'react';
import { useQuery } from 'urql';
import { useLive } from '@/app/ApiProvider';
import type { ExecutionFilter, HistoryChangesSubscription, HistoryQuery } from '@/gql/graphql';
import { framed, held, type History, historyOf, released, renewed, type Row, shown } from './list';
import { HistoryChangesDocument, HistoryDocument } from './operations';

/** Rows of a page. */
export const PAGE_SIZE = 25;

const CHANGES = stringifyDocument(HistoryChangesDocument);

export interface Paging {
  after: string | undefined;
  before: string | undefined;
}

interface State {
  page: HistoryQuery['executions'];
  variables: unknown;
  history: History;
  cut: boolean;
  /** Frames that came. */
  changes: number;
}

export function useHistory(filter: ExecutionFilter, { after, before }: Paging) {
  const live = useLive();
  const variables = useMemo(
    () => (before ? { filter, last: PAGE_SIZE, before } : { filter, first: PAGE_SIZE, after }),
    [filter, after, before],
  );
  const [{ data, error, stale, fetching }, query] = useQuery({
    query: HistoryDocument,
    variables,
    requestPolicy: 'cache-and-network',
  });
  const page = data?.executions;
  const key = page?.streamCursor;
  const [state, setState] = useState<State>();

  // A page that was read anew begins a new list; the same page with newer entities renews its rows.
  if (page && state?.page !== page) {
    const same = state && state.variables === variables && state.page.streamCursor === page.streamCursor;
    const rows = page.edges.map((edge) => edge.node);
    setState({
      page,
      variables,
      history: same ? renewed(state.history, rows) : historyOf(page, PAGE_SIZE),
      cut: same ? state.cut : false,
      changes: state?.changes ?? 0,
    });
  }
  const change = useCallback((by: (history: History) => History) => {
    setState((was) => {
      const history = was && by(was.history);
      return was && history && history !== was.history ? { ...was, history } : was;
    });
  }, []);

  const reload = useCallback(() => {
    // Should nothing have changed the page is the same, and its stream begins anew.
    setState((was) => (was?.cut ? { ...was, cut: false } : was));
    query({ requestPolicy: 'network-only' });
  }, [query]);

  // Live from the page's own cursor on: nothing between the read and the stream is missed.
  const fresh = key !== undefined && !stale && !fetching;
  useEffect(() => {
    if (!fresh) return;
    return live.subscribe(
      { query: CHANGES, operationName: 'HistoryChanges', variables: { filter, after: key } },
      {
        next: (result) => {
          // The stream's document is the type's: the glue passes through what the server sent.
          const frame = (result.data as HistoryChangesSubscription | null | undefined)?.executionsChanged;
          // A refusal ends the stream: the cursor is too old for the server, or the data set is no longer the viewer's.
          if (!frame) setState((was) => was && { ...was, cut: true });
          else {
            if (frame.resync) reload();
            // Ten frames a second never stand before what the reader types.
            startTransition(() => {
              setState((was) => was && { ...was, changes: was.changes + 1, history: frame.resync ? was.history : framed(was.history, frame) });
            });
          }
        },
        error: () => setState((was) => was && { ...was, cut: true }),
        complete: () => {},
      },
    );
  }, [live, filter, key, fresh, change, reload]);

  // While another list is on its way the last one stays, so that nothing jumps; not where there will be none.
  const isOld = state !== undefined && state.variables !== variables;
  const history = isOld && error ? undefined : state?.history;
  return {
    ...(history ? shown(history) : { rows: undefined, waiting: 0 }),
    pageInfo: history?.list.pageInfo,
    statusCounts: history?.counts,
    overflown: history?.overflown ?? false,
    error,
    /** The stream ended for good: the page is no longer live until it is read anew. */
    cut: state?.cut ?? false,
    fetching: fetching || stale,
    /** What is shown is the list that was asked for before. */
    isOld,
    /** Of what is shown: another one where the list was read anew. */
    page: state?.page,
    changes: state?.changes ?? 0,
    reload,
    hold: useCallback(() => change(held), [change]),
    release: useCallback(() => change(released), [change]),
    renew: useCallback((rows: readonly Row[]) => change((one) => renewed(one, rows)), [change]),
  };
}
