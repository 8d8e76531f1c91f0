// The polling queries of subscriptions: valid against the schema, in the shape that was selected, on the same cursors.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { buildSchema, parse, validate } from 'graphql';
import { twinOf } from '../src/index.ts';

// Run from clients/, beside the schema.
const schema = buildSchema(readFileSync('../schema.graphql', 'utf8'));
const isValid = (query: string) => assert.deepEqual(validate(schema, parse(query)).map(({ message }) => message), []);

test('executionStatus is polled as execution, and told when the revision has grown', () => {
  const query = `
    subscription S($execution: ID!, $after: StreamCursor, $wide: Boolean!) {
      state: executionStatus(id: $execution, after: $after) { cursor ...Update }
    }
    fragment Update on ExecutionStatusUpdate { status execution { ...Row } now: execution { result @include(if: $wide) } }
    fragment Row on Execution { id revision status progress { done } }`;
  const twin = twinOf({ query, variables: { execution: 'exe_1', after: 'c0', wide: false } });
  assert.ok(twin);
  const request = twin.request('c0');
  isValid(request.query);
  assert.deepEqual(request.variables, { execution: 'exe_1', wide: false });
  const at = (revision: number, status: string, isTerminal = false) => ({
    twin: {
      twinCursor: `c${revision}`, twinStatus: status, twinEnd: isTerminal, twinAt: 'now', twinRevision: revision,
      id: 'exe_1', revision, status, progress: null,
    },
  });
  const first = twin.read(at(3, 'PENDING'), undefined);
  assert.equal(first.cursor, 'c3');
  const [told] = first.events;
  const update = told?.data?.['state'] as Record<string, unknown>;
  assert.deepEqual(update['execution'], { id: 'exe_1', revision: 3, status: 'PENDING', progress: null });
  assert.deepEqual(update['now'], update['execution']);
  assert.deepEqual([update['status'], update['previousStatus'], update['skipped']], ['PENDING', null, 0]);
  assert.deepEqual(twin.read(at(3, 'PENDING'), 'c3'), { events: [], cursor: 'c3', hasMore: false, isComplete: false });
  const last = twin.read(at(6, 'FINISHED', true), 'c3');
  const end = last.events[0]?.data?.['state'] as Record<string, unknown>;
  assert.deepEqual([end['status'], end['previousStatus'], end['skipped'], end['isTerminal']], ['FINISHED', 'PENDING', 2, true]);
  assert.equal(last.isComplete, true);
});

test('what is not there is told as the stream would tell it', () => {
  const query = 'subscription ($id: ID!, $after: StreamCursor) { executionStatus(id: $id, after: $after) { cursor } }';
  const poll = twinOf({ query, variables: { id: 'exe_1' } })?.read({ twin: null }, undefined);
  assert.equal(poll?.events[0]?.errors?.[0]?.extensions?.['code'], 'NOT_FOUND');
  assert.equal(poll?.isComplete, true);
});

test('conversationEvents is polled as events after a position, to the end and no further', () => {
  const query = `subscription ($id: ID!, $after: StreamCursor) {
    conversationEvents(id: $id, after: $after) { __typename cursor ... on MessageAddedEvent { message { id } } }
  }`;
  const twin = twinOf({ query, variables: { id: 'con_1' } });
  assert.ok(twin);
  const request = twin.request('c5');
  isValid(request.query);
  assert.deepEqual(request.variables, { id: 'con_1', twinAfter: 'c5' });
  const page = (events: unknown[], cursor: string, hasMore: boolean, isTerminal: boolean) => ({
    twin: { execution: { isTerminal }, events: { events, cursor, hasMore } },
  });
  const first = twin.read(page([{ cursor: 'c6' }, { cursor: 'c7' }], 'c7', true, false), 'c5');
  assert.deepEqual(first.events, [
    { data: { conversationEvents: { cursor: 'c6' } } },
    { data: { conversationEvents: { cursor: 'c7' } } },
  ]);
  assert.deepEqual([first.cursor, first.hasMore, first.isComplete], ['c7', true, false]);
  // The end may have come between the two reads: one more look.
  assert.equal(twin.read(page([{ cursor: 'c8' }], 'c8', false, true), 'c7').isComplete, false);
  assert.equal(twin.read(page([], 'c8', false, true), 'c8').isComplete, true);
});

test('executionsChanged is told to be queried again when anything changed', () => {
  const query = `subscription ($filter: ExecutionFilter, $after: StreamCursor) {
    executionsChanged(filter: $filter, orderBy: {field: DURATION, direction: ASC}, after: $after) { cursor resync }
  }`;
  const twin = twinOf({ query, variables: { filter: { labels: ['x'] }, after: 'c1' } });
  assert.ok(twin);
  const request = twin.request('c1');
  isValid(request.query);
  assert.deepEqual(request.variables, { filter: { labels: ['x'] } });
  assert.deepEqual(twin.read({ twin: { streamCursor: 'c1' } }, 'c1').events, []);
  const poll = twin.read({ twin: { streamCursor: 'c2' } }, 'c1');
  assert.equal(poll.cursor, 'c2');
  const frame = poll.events[0]?.data?.['executionsChanged'] as Record<string, unknown>;
  assert.deepEqual([frame['resync'], frame['cursor'], frame['changes']], [true, 'c2', []]);
});

test('a list of all executions is polled without arguments that nobody gave', () => {
  const query = 'subscription ($after: StreamCursor) { executionsChanged(after: $after) { cursor } }';
  const request = twinOf({ query, variables: { after: null } })?.request(undefined);
  assert.ok(request);
  isValid(request.query);
});

test('a lossy stream has no twin', () => {
  assert.equal(twinOf({ query: 'subscription ($id: ID!) { messageDeltas(conversationId: $id) { text } }' }), null);
});
