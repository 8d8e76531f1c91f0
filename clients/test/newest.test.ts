// Newest wins, over answers in the wrong order.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'graphql';
import { selectionOf, Newest } from '../src/index.ts';

const execution = <Fields extends Record<string, unknown>>(revision: number, fields: Fields) => ({
  __typename: 'Execution',
  id: 'exe_1',
  revision,
  ...fields,
});

test('a slow answer does not set a finished execution back, wherever in the answer it is', () => {
  const newest = new Newest();
  newest.result({ data: { executionStatus: { execution: execution(7, { status: 'FINISHED', result: { rows: 3 } }) } } });
  const slow = newest.result({
    data: {
      executions: {
        edges: [{ cursor: 'c', node: execution(3, { status: 'IN_PROGRESS', result: null, executionKey: 'k' }) }],
      },
    },
  });
  assert.deepEqual(slow.data.executions.edges[0]?.node, {
    ...execution(7, { status: 'FINISHED', result: { rows: 3 }, executionKey: 'k' }),
  });
});

test('a result that is not behind is handed on as it is', () => {
  const newest = new Newest();
  const first = { data: { execution: execution(2, { status: 'PENDING' }) } };
  assert.equal(newest.result(first), first);
  const second = { data: { execution: execution(2, { status: 'PENDING', attempt: 1 }) } };
  assert.equal(newest.result(second), second);
  const failed = { data: null, errors: [{ message: 'no' }] };
  assert.equal(newest.result(failed), failed);
});

test('of an object only what was selected is replaced', () => {
  const newest = new Newest();
  newest.result({
    data: { execution: execution(5, { progress: { __typename: 'ExecutionProgress', done: 4, note: 'late' } }) },
  });
  const slow = newest.result({
    data: { execution: execution(4, { progress: { __typename: 'ExecutionProgress', done: 1, total: 9 } }) },
  });
  assert.deepEqual(slow.data.execution.progress, { __typename: 'ExecutionProgress', done: 4, total: 9 });
  const ended = new Newest();
  ended.result({ data: { execution: execution(5, { progress: null }) } });
  const behind = ended.result({ data: { execution: execution(4, { progress: { __typename: 'ExecutionProgress', done: 1 } }) } });
  assert.equal(behind.data.execution.progress, null);
});

test('half a value does not stand for a whole one: what is lacked is said, and stays as it came', () => {
  const newest = new Newest();
  const failure = { __typename: 'ExecutionFailure', category: 'CANCELED', code: 'canceled' };
  const files = [{ __typename: 'ExecutionExample', name: 'a' }];
  newest.result({ data: { execution: execution(9, { status: 'FAILED', failure, files }) } });
  const slow = { data: { execution: execution(4, { status: 'PENDING', failure: null, files: [] as unknown[] }) } };
  const bring = (inside: string) => newest.bring(slow, selectionOf(parse(`{ execution(id: "exe_1") { ...F } }
    fragment F on Execution { __typename id revision status ${inside} }`)));

  const half = bring('failure { __typename category explanation } files { __typename name size }');
  assert.deepEqual(half.result.data.execution, execution(9, { status: 'FAILED', failure: null, files: [] }));
  assert.deepEqual([...half.lacks], ['exe_1 9']);

  const whole = execution(9, { status: 'FAILED', failure, files });
  for (const inside of [
    'failure { __typename code } files { __typename name }',
    // What a directive or another type decides is not for certain in it.
    'failure { code ... @include(if: $all) { explanation } ... on Other { more } detail @skip(if: $all) } files { name }',
    // The user's own JSON has no selection.
    'failure files',
  ]) {
    const { result, lacks } = bring(inside);
    assert.deepEqual(result.data.execution, whole, inside);
    assert.equal(lacks.size, 0, inside);
  }
});

test('positions and other entities belong to their answer', () => {
  const newest = new Newest();
  const agent = { __typename: 'Agent', id: 'agt_1', name: 'before' };
  newest.result({ data: { execution: execution(5, { streamCursor: 'late', agent, status: 'FAILED' }) } });
  const renamed = { ...agent, name: 'after' };
  const slow = newest.result({
    data: { execution: execution(4, { streamCursor: 'early', agent: renamed, status: 'PENDING' }) },
  });
  assert.deepEqual(slow.data.execution, execution(5, { streamCursor: 'early', agent: renamed, status: 'FAILED' }));
});

test('aliases are seen through', () => {
  const newest = new Newest();
  newest.result({ data: { execution: execution(5, { status: 'FINISHED', label: 'x' }) } });
  const document = parse('{ execution(id: "exe_1") { __typename id revision state: status status: attempt } }');
  const slow = newest.result(
    { data: { execution: execution(4, { state: 'PENDING', status: 1 }) } },
    selectionOf(document),
  );
  assert.deepEqual(slow.data.execution, execution(5, { state: 'FINISHED', status: 1 }));
});

test('it forgets what was not seen for longest, and all of it on request', () => {
  const newest = new Newest(1);
  newest.result({ data: { execution: execution(5, { status: 'FINISHED' }) } });
  newest.result({ data: { other: { ...execution(1, {}), id: 'exe_2' } } });
  const back = { data: { execution: execution(4, { status: 'PENDING' }) } };
  assert.equal(newest.result(back), back);
  newest.clear();
  const first = { data: { other: { ...execution(0, {}), id: 'exe_2' } } };
  assert.equal(newest.result(first), first);
});
