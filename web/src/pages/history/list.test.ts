import { describe, expect, test } from 'vitest';
import type { HistoryChangesSubscription, HistoryQuery } from '@/gql/graphql';
import { framed, held, historyOf, MOST_NEW, released, renewed, type Row, shown } from './list';

type Page = HistoryQuery['executions'];
type Frame = HistoryChangesSubscription['executionsChanged'];

/** Executions are numbered by age: the higher, the newer. */
function row(number: number, change: Partial<Row> = {}): Row {
  const at = new Date(Date.parse('2026-01-01T00:00:00.000Z') + number * 1_000).toISOString();
  return {
    id: `exe_${String(number).padStart(6, '0')}`,
    revision: 1,
    status: 'PENDING',
    isTerminal: false,
    executionKey: 'order-intake',
    dataSet: { id: 'set_1' },
    conversation: { id: 'con_1' },
    executionType: null,
    agent: { id: 'agt_1', name: 'Intake' },
    labels: [],
    launchedBy: { id: 'usr_1', name: 'someone' },
    createdAt: at,
    startedAt: null,
    finishedAt: null,
    durationMs: null,
    attempt: 1,
    maxAttempts: 3,
    progress: null,
    failure: null,
    cancellation: null,
    viewerCan: { cancel: true, retry: false },
    ...change,
  };
}
const edge = (number: number, change?: Partial<Row>) => ({ cursor: `c${number}`, node: row(number, change) });
const page = (numbers: number[], hasNextPage = false): Page => ({
  edges: numbers.map((number) => edge(number)),
  pageInfo: {
    hasNextPage,
    hasPreviousPage: false,
    startCursor: `c${numbers[0]}`,
    endCursor: `c${numbers.at(-1)}`,
  },
  statusCounts: [{ status: 'PENDING', count: numbers.length, isExact: true }],
  streamCursor: 's0',
});
const frame = (changes: Frame['changes'], counts: Frame['statusCounts'] = null): Frame => ({
  cursor: 's1',
  resync: false,
  statusCounts: counts,
  changes,
});
const entered = (number: number) => ({ __typename: 'ExecutionEntered' as const, edge: edge(number) });
const updated = (number: number, change: Partial<Row>) => ({
  __typename: 'ExecutionUpdated' as const,
  edge: edge(number, change),
});
const left = (number: number) => ({
  __typename: 'ExecutionLeft' as const,
  executionId: row(number).id,
  execution: { id: row(number).id, revision: 2 },
});
const numbers = (history: Parameters<typeof shown>[0]) => shown(history).rows.map(({ node }) => Number(node.id.slice(4)));

describe('at the top', () => {
  test('rows appear, change and leave', () => {
    let history = historyOf(page([3, 2, 1]), 25);
    history = framed(history, frame([entered(4), updated(2, { revision: 2, status: 'FINISHED' }), left(1)]));
    expect(numbers(history)).toEqual([4, 3, 2]);
    expect(shown(history).rows[2]?.node.status).toBe('FINISHED');
    expect(shown(history).waiting).toBe(0);
  });

  test('what falls off the end belongs to the next page', () => {
    const history = framed(historyOf(page([3, 2, 1]), 3), frame([entered(4)]));
    expect(numbers(history)).toEqual([4, 3, 2]);
    expect(history.list.pageInfo).toMatchObject({ hasNextPage: true, endCursor: 'c2' });
  });

  test('counts are those of the newest frame that has some', () => {
    const history = framed(
      framed(historyOf(page([1]), 25), frame([entered(2)], [{ status: 'PENDING', count: 2, isExact: true }])),
      frame([]),
    );
    expect(history.counts).toEqual([{ status: 'PENDING', count: 2, isExact: true }]);
  });
});

describe('below the top', () => {
  test('new rows wait above, and those on the screen go on changing', () => {
    let history = held(historyOf(page([3, 2, 1]), 3));
    history = framed(history, frame([entered(4), entered(5), updated(3, { revision: 2, status: 'FAILED' })]));
    expect(numbers(history)).toEqual([3, 2, 1]);
    expect(shown(history).waiting).toBe(2);
    expect(shown(history).rows[0]?.node.status).toBe('FAILED');
    expect(numbers(released(history))).toEqual([5, 4, 3]);
  });

  test('the place holds when its own row leaves', () => {
    let history = held(historyOf(page([3, 2, 1]), 3));
    history = framed(history, frame([left(3), entered(4)]));
    expect(numbers(history)).toEqual([2, 1]);
    expect(shown(history).waiting).toBe(1);
  });

  test('however many come, few are kept', () => {
    let history = held(historyOf(page([3, 2, 1]), 3));
    for (let from = 4; from < 1_000; from += 50)
      history = framed(history, frame(Array.from({ length: 50 }, (_, at) => entered(from + at))));
    expect(history.overflown).toBe(true);
    expect(shown(history).waiting).toBe(MOST_NEW);
    expect(numbers(history)).toEqual([3, 2, 1]);
    expect(history.list.edges.length).toBeLessThanOrEqual(MOST_NEW + 3);
  });
});

test('an older copy of a row does not set it back', () => {
  const history = framed(historyOf(page([1]), 25), frame([updated(1, { revision: 5, status: 'FINISHED' })]));
  expect(renewed(history, [row(1, { revision: 4, status: 'IN_PROGRESS' })])).toBe(history);
});
