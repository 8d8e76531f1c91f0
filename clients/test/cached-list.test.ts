// Lists of a normalized cache, whose rows hold their new values before the frame is applied.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placeRows } from '../src/cached-list.ts';
import type { Change, Edge, Order, Row } from '../src/index.ts';

const order: Order = { field: 'DURATION', direction: 'ASC' };
const row = (id: string, durationMs: number | null, cursor = `${id}@${durationMs}`): Edge<Row> => ({
  cursor,
  node: { id, revision: 1, durationMs },
});
const updated = (edge: Edge<Row>): Change<Row> => ({ __typename: 'ExecutionUpdated', edge });
const whole = { hasNextPage: false, hasPreviousPage: false };
const place = (held: Edge<Row>[], changes: Change<Row>[], page = whole) =>
  placeRows(held, changes, order, page, (edge) => edge).map(({ cursor }) => cursor);

test('a row that moved is known by its cursor, for the cache shows its new value at the old place already', () => {
  const held = [row('a', 1), row('b', 9, 'b@2'), row('c', 3)];
  assert.deepEqual(place(held, [updated(row('b', 9))]), ['a@1', 'c@3', 'b@9']);
});

test('a list that nothing moved in is the same list', () => {
  const held = [row('a', 1), row('b', 2)];
  const unseen: Change<Row> = { __typename: 'ExecutionLeft', executionId: 'z', execution: null };
  assert.equal(placeRows(held, [updated(row('a', 1)), unseen], order, whole, (edge) => edge), held);
});

test('rows whose frames are still to come do not mislead others', () => {
  // x has a new value and its old place: its frame is on its way.
  const held = [row('a', 1), row('x', 7, 'x@2'), row('b', 3)];
  assert.deepEqual(place(held, [updated(row('n', 5))]), ['a@1', 'b@3', 'n@5', 'x@2']);
});

test('what falls beyond the rows that are held is left to the pages there', () => {
  const held = [row('a', 10), row('b', 20)];
  const page = { hasNextPage: true, hasPreviousPage: true };
  assert.deepEqual(place(held, [updated(row('n', 15)), updated(row('o', 5)), updated(row('p', 25))], page), ['a@10', 'n@15', 'b@20']);
  // The last one moved away: the end is the row that is now the last.
  assert.deepEqual(place([row('a', 10), row('b', 30, 'b@20')], [updated(row('b', 30))], page), ['a@10']);
  assert.deepEqual(place([], [updated(row('n', 15))], page), []);
});
