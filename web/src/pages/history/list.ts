/**
 * The list on the screen: a page of executions, kept right by the frames of `executionsChanged`.
 * Placing, dropping older copies and pages are the glue's (`clients/`); what is here is the
 * reader's place. While they are not at the top nothing is put above what they look at: it is
 * counted. Pure: every function gives a new list.
 *
 * It stays small whatever happens: rows that were pushed off the end belong to the next page, and
 * beyond `MOST_NEW` waiting rows they are only counted.
 */
import { comparePlaces, NEWEST_FIRST, type Place, placeOf } from '~clients/order.ts';
import { applyFrame, listOf, type PagedList, withNewer } from '~clients/paged-list.ts';
import type { ExecutionRowFragment, HistoryChangesSubscription, HistoryQuery } from '@/gql/graphql';

export type Row = ExecutionRowFragment;

type HistoryFrame = HistoryChangesSubscription['executionsChanged'];
export type Count = HistoryQuery['executions']['statusCounts'][number];

export interface History {
  readonly list: PagedList<Row>;
  readonly counts: readonly Count[];
  readonly size: number;
  /** The place of the row that the reader has at the top; null while they are at the top and see all. */
  readonly top: Place | null;
  /** More rows wait than are kept: showing them means asking anew. */
  readonly overflown: boolean;
}

/** Rows above the reader's place that are kept, at most. */
export const MOST_NEW = 99;

export function historyOf(page: HistoryQuery['executions'], size: number): History {
  return { list: listOf(page), counts: page.statusCounts, size, top: null, overflown: false };
}

/** The list after a frame. */
export function framed(history: History, frame: HistoryFrame): History {
  return trimmed({ ...history, counts: frame.statusCounts ?? history.counts, list: applyFrame(history.list, frame) });
}

/** The list with newer copies of rows that came by another way, such as a mutation's answer. */
export function renewed(history: History, rows: readonly Row[]): History {
  const list = rows.reduce((all, row) => withNewer(all, row), history.list);
  return list === history.list ? history : { ...history, list };
}

/** The reader leaves the top: from now on nothing is put above the row that stands there now. */
export function held(history: History): History {
  const first = history.list.edges[0];
  return history.top || !first ? history : { ...history, top: placeOf(first.node, NEWEST_FIRST) };
}

/** The reader is at the top again, or asked for what is new. */
export function released(history: History): History {
  return history.top ? trimmed({ ...history, top: null }) : history;
}

/** What is on the screen, and how many rows wait above it. */
export function shown({ list, top }: History): { rows: readonly { cursor: string; node: Row }[]; waiting: number } {
  const waiting = top ? waitingAbove(list, top) : 0;
  return { rows: waiting === 0 ? list.edges : list.edges.slice(waiting), waiting };
}

function waitingAbove({ edges }: PagedList<Row>, top: Place): number {
  const first = edges.findIndex(({ node }) => comparePlaces(placeOf(node, NEWEST_FIRST), top, 'DESC') >= 0);
  return first < 0 ? edges.length : first;
}

function trimmed(history: History): History {
  const { list, top, size } = history;
  const waiting = top ? waitingAbove(list, top) : 0;
  const tooMany = Math.max(0, waiting - MOST_NEW);
  const most = tooMany + Math.min(waiting, MOST_NEW) + size;
  const cut = list.edges.length > most;
  if (!cut && tooMany === 0) return history;
  const edges = list.edges.slice(tooMany, most);
  return {
    ...history,
    overflown: history.overflown || tooMany > 0,
    list: {
      ...list,
      edges,
      pageInfo: cut
        ? { ...list.pageInfo, hasNextPage: true, endCursor: edges.at(-1)?.cursor ?? null }
        : list.pageInfo,
    },
  };
}
