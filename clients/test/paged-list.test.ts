// The paged list against a model of the server: whatever happens in whatever order, the list is the beginning of what
// the server would answer.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  applyFrame,
  comparePlaces,
  listOf,
  placeOf,
  withNewer,
  withNextPage,
  type Connection,
  type Change,
  type Edge,
  type Order,
  type PagedList,
} from '../src/index.ts';

interface Node {
  id: string;
  revision: number;
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  durationMs: number | null;
  isWanted: boolean;
}

const at = (ms: number) => new Date(1_700_000_000_000 + ms).toISOString();
const node = (id: string, createdMs: number, more: Partial<Node> = {}): Node => ({
  id,
  revision: 1,
  createdAt: at(createdMs),
  startedAt: null,
  finishedAt: null,
  durationMs: null,
  isWanted: true,
  ...more,
});
const cursorOf = (one: Node, order: Order) => JSON.stringify(placeOf(one, order));
const edgeOf = (one: Node, order: Order): Edge<Node> => ({ cursor: cursorOf(one, order), node: { ...one } });

/** What the server would answer. */
function page(rows: Iterable<Node>, order: Order, first: number, after: string | null = null): Connection<Node> {
  const place = after === null ? null : (JSON.parse(after) as ReturnType<typeof placeOf>);
  const all = [...rows]
    .filter((one) => one.isWanted)
    .sort((a, b) => comparePlaces(placeOf(a, order), placeOf(b, order), order.direction))
    .filter((one) => place === null || comparePlaces(placeOf(one, order), place, order.direction) > 0);
  const edges = all.slice(0, first).map((one) => edgeOf(one, order));
  return {
    edges,
    pageInfo: {
      hasNextPage: all.length > first,
      hasPreviousPage: after !== null,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
    streamCursor: 'c0',
  };
}
const frame = (changes: Change<Node>[], cursor = 'c1') => ({ cursor, resync: false, changes });
const updated = (one: Node, order: Order): Change<Node> => ({ __typename: 'ExecutionUpdated', edge: edgeOf(one, order) });
const left = (one: Node): Change<Node> => ({
  __typename: 'ExecutionLeft',
  executionId: one.id,
  execution: { id: one.id, revision: one.revision },
});
const ids = (list: PagedList<Node>) => list.edges.map((edge) => edge.node.id);
const NEWEST: Order = { field: 'CREATED_AT', direction: 'DESC' };

test('a row that enters falls into its place, and one beyond the last waits for the next page', () => {
  const rows = [node('e', 50), node('d', 40), node('c', 30), node('a', 10)];
  const list = listOf(page(rows, NEWEST, 3));
  const next = applyFrame(list, frame([updated(node('f', 60), NEWEST), updated(node('d2', 35), NEWEST), updated(node('b', 20), NEWEST)]));
  assert.deepEqual(ids(next), ['f', 'e', 'd', 'd2', 'c']);
  assert.equal(next.cursor, 'c1');
  const whole = listOf(page(rows, NEWEST, 4));
  assert.deepEqual(ids(applyFrame(whole, frame([updated(node('0', 1), NEWEST)]))), ['e', 'd', 'c', 'a', '0']);
});

test('rows without a value come last both ways, and ties are broken by id in the same direction', () => {
  for (const [direction, expected] of [
    ['ASC', ['b', 'c', 'd', 'a', 'z']],
    ['DESC', ['d', 'c', 'b', 'z', 'a']],
  ] as const) {
    const order: Order = { field: 'FINISHED_AT', direction };
    const rows = [
      node('a', 1),
      node('z', 2),
      node('b', 3, { finishedAt: at(5) }),
      node('c', 4, { finishedAt: at(9) }),
      node('d', 4, { finishedAt: at(9) }),
    ];
    const list = rows.reduce(
      (held, row) => applyFrame(held, frame([updated(row, order)])),
      listOf(page([], order, 3), order),
    );
    assert.deepEqual(ids(list), expected);
  }
});

test('of two copies the newer stays, by whatever way the older one comes', () => {
  const list = listOf(page([node('a', 1, { revision: 5 })], NEWEST, 3));
  assert.equal(applyFrame(list, frame([updated(node('a', 1, { revision: 4 }), NEWEST)])).edges, list.edges);
  assert.equal(applyFrame(list, frame([left(node('a', 1, { revision: 4 }))])).edges, list.edges);
  assert.equal(withNewer(list, node('a', 1, { revision: 5 })), list);
  assert.equal(withNewer(list, node('unknown', 1, { revision: 9 })), list);
  assert.equal(withNewer(list, node('a', 1, { revision: 6 })).edges[0]?.node.revision, 6);
  assert.deepEqual(ids(applyFrame(list, frame([left(node('a', 1, { revision: 6 }))]))), []);
  const gone: Change<Node> = { __typename: 'ExecutionLeft', executionId: 'a', execution: null };
  assert.deepEqual(ids(applyFrame(list, frame([gone]))), []);
});

test('the next page begins behind the row that is now the last', () => {
  const rows = [node('d', 4), node('c', 3), node('b', 2), node('a', 1)];
  let list = listOf(page(rows, NEWEST, 2));
  list = applyFrame(list, frame([left({ ...node('c', 3), revision: 2 })]));
  assert.equal(list.pageInfo.endCursor, cursorOf(node('d', 4), NEWEST));
  list = applyFrame(list, frame([left({ ...node('d', 4), revision: 2 })]));
  assert.equal(list.pageInfo.endCursor, null);
});

test('what changed while a page was on its way is not lost', () => {
  const rows = [node('d', 4), node('c', 3), node('b', 2), node('a', 1)];
  const list = listOf(page(rows, NEWEST, 2));
  const late = page(rows, NEWEST, 2, list.pageInfo.endCursor ?? null);
  const meanwhile = applyFrame(
    list,
    frame([left({ ...node('a', 1), revision: 2 }), updated(node('b', 2, { revision: 7 }), NEWEST), updated(node('b2', 2), NEWEST)]),
  );
  const whole = withNextPage(meanwhile, late);
  assert.deepEqual(ids(whole), ['d', 'c', 'b2', 'b']);
  assert.equal(whole.edges.at(-1)?.node.revision, 7);
});

test('resync says so and leaves the rows to whoever queries', () => {
  const list = listOf(page([node('a', 1)], NEWEST, 2));
  const next = applyFrame(list, { cursor: 'c9', resync: true, changes: [] });
  assert.equal(next.resync, true);
  assert.equal(next.cursor, 'c9');
  assert.deepEqual(ids(next), ['a']);
});

test('a row without the field of the order is refused with what to select', () => {
  const list = listOf(page([], NEWEST, 2));
  const bare = { cursor: 'x', node: { id: 'exe_1', revision: 1 } } as unknown as Edge<Node>;
  assert.throws(
    () => applyFrame(applyFrame(list, frame([{ edge: edgeOf(node('a', 1), NEWEST) }])), frame([{ edge: bare }])),
    /exe_1 does not select `createdAt`/,
  );
});

test('after any history the list is what the server would answer', () => {
  let seed = 42;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((seed / 0x80000000) * below);
  };
  for (let round = 0; round < 300; round += 1) {
    const order: Order = {
      field: (['CREATED_AT', 'STARTED_AT', 'FINISHED_AT', 'DURATION'] as const)[random(4)] ?? 'DURATION',
      direction: random(2) === 0 ? 'ASC' : 'DESC',
    };
    const rows = new Map<string, Node>();
    for (let i = 0; i < random(12); i += 1) rows.set(`n${i}`, node(`n${i}`, random(5)));
    let list = listOf(page(rows.values(), order, 4), order);
    let waiting: Connection<Node> | undefined;
    const untold: Change<Node>[] = [];
    for (let step = 0; step < 30; step += 1) {
      const kind = random(10);
      if (kind < 6) {
        const id = `n${random(14)}`;
        const old = rows.get(id);
        const now: Node =
          old === undefined
            ? node(id, random(5))
            : {
                ...old,
                revision: old.revision + 1,
                isWanted: random(4) > 0,
                startedAt: random(2) ? at(random(5)) : old.startedAt,
                finishedAt: random(2) ? at(random(5)) : old.finishedAt,
                durationMs: random(2) ? random(5) : old.durationMs,
              };
        rows.set(id, now);
        untold.push(now.isWanted ? updated(now, order) : left(now));
      } else if (kind < 8) {
        // A frame tells each as it is now, and some twice.
        list = applyFrame(list, frame([...untold.splice(0, random(4) + 1)]));
      } else if (waiting === undefined) {
        if (list.pageInfo.hasNextPage) waiting = page(rows.values(), order, 4, list.pageInfo.endCursor ?? null);
      } else {
        // Read a while ago: frames have come since, and the list's end may have moved.
        list = withNextPage(list, waiting);
        waiting = undefined;
      }
    }
    list = applyFrame(list, frame(untold.splice(0)));
    const truth = page(rows.values(), order, list.pageInfo.hasNextPage ? list.edges.length : 1000);
    assert.deepEqual(
      list.edges.map(({ node: { id, revision } }) => [id, revision]),
      truth.edges.map(({ node: { id, revision } }) => [id, revision]),
      `round ${round}, ${JSON.stringify(order)}`,
    );
  }
});
