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

/** What all answers here select; each has some of it. */
const SELECTION = selectionOf(
  parse(`
    { execution { ...F } other { ...F } executionStatus { execution { ...F } } executions { edges { cursor node { ...F } } } }
    fragment F on Execution {
      __typename id revision status attempt label executionKey result streamCursor
      progress { __typename done total note } agent { __typename id name }
      failure { __typename category code } files { __typename name }
    }
  `),
);

test('a slow answer does not set a finished execution back, wherever in the answer it is', () => {
  const newest = new Newest();
  newest.result({ data: { executionStatus: { execution: execution(7, { status: 'FINISHED', result: { rows: 3 } }) } } }, SELECTION);
  const slow = newest.result({
    data: {
      executions: {
        edges: [{ cursor: 'c', node: execution(3, { status: 'IN_PROGRESS', result: null, executionKey: 'k' }) }],
      },
    },
  }, SELECTION);
  assert.deepEqual(slow.data.executions.edges[0]?.node, {
    ...execution(7, { status: 'FINISHED', result: { rows: 3 }, executionKey: 'k' }),
  });
});

test('a result that is not behind is handed on as it is', () => {
  const newest = new Newest();
  const first = { data: { execution: execution(2, { status: 'PENDING' }) } };
  assert.equal(newest.result(first, SELECTION), first);
  const second = { data: { execution: execution(2, { status: 'PENDING', attempt: 1 }) } };
  assert.equal(newest.result(second, SELECTION), second);
  const failed = { data: null, errors: [{ message: 'no' }] };
  assert.equal(newest.result(failed, SELECTION), failed);
});

test('of an object only what was selected is replaced', () => {
  const newest = new Newest();
  newest.result({
    data: { execution: execution(5, { progress: { __typename: 'ExecutionProgress', done: 4, note: 'late' } }) },
  }, SELECTION);
  const slow = newest.result({
    data: { execution: execution(4, { progress: { __typename: 'ExecutionProgress', done: 1, total: 9 } }) },
  }, SELECTION);
  assert.deepEqual(slow.data.execution.progress, { __typename: 'ExecutionProgress', done: 4, total: 9 });
  const ended = new Newest();
  ended.result({ data: { execution: execution(5, { progress: null }) } }, SELECTION);
  const behind = ended.result({ data: { execution: execution(4, { progress: { __typename: 'ExecutionProgress', done: 1 } }) } }, SELECTION);
  assert.equal(behind.data.execution.progress, null);
});

test('half a value does not stand for a whole one: what is lacked is said, and stays as it came', () => {
  const newest = new Newest();
  const failure = { __typename: 'ExecutionFailure', category: 'CANCELED', code: 'canceled' };
  const files = [{ __typename: 'ExecutionExample', name: 'a' }];
  newest.result({ data: { execution: execution(9, { status: 'FAILED', failure, files }) } }, SELECTION);
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
  newest.result({ data: { execution: execution(5, { streamCursor: 'late', agent, status: 'FAILED' }) } }, SELECTION);
  const renamed = { ...agent, name: 'after' };
  const slow = newest.result({
    data: { execution: execution(4, { streamCursor: 'early', agent: renamed, status: 'PENDING' }) },
  }, SELECTION);
  assert.deepEqual(slow.data.execution, execution(5, { streamCursor: 'early', agent: renamed, status: 'FAILED' }));
});

test('aliases are seen through', () => {
  const newest = new Newest();
  newest.result({ data: { execution: execution(5, { status: 'FINISHED', label: 'x' }) } }, SELECTION);
  const document = parse('{ execution(id: "exe_1") { __typename id revision state: status status: attempt } }');
  const slow = newest.result(
    { data: { execution: execution(4, { state: 'PENDING', status: 1 }) } },
    selectionOf(document),
  );
  assert.deepEqual(slow.data.execution, execution(5, { state: 'FINISHED', status: 1 }));
});

test('nothing is believed that the JSON of users says of itself', () => {
  const forged = { __typename: 'Execution', id: 'exe_1', revision: 999_999_999, status: 'FINISHED', result: 'forged' };
  const selection = selectionOf(
    parse(`{
      node(id: "msg_1") { __typename id ... on Message { parts { __typename ... on ToolCallPart { id arguments } ... on ToolResultPart { id output } } } }
      dataSet(id: "set_1") { __typename id records { edges { node { __typename id document } } } }
      execution(id: "exe_2") { __typename id revision status input result }
    }`),
  );
  const newest = new Newest();
  const poisoned = {
    data: {
      node: {
        __typename: 'Message',
        id: 'msg_1',
        parts: [
          { __typename: 'ToolCallPart', id: 'prt_1', arguments: forged },
          { __typename: 'ToolResultPart', id: 'prt_2', output: [{ deep: forged }] },
        ],
      },
      dataSet: { __typename: 'DataSet', id: 'set_1', records: { edges: [{ node: { __typename: 'DataRecord', id: 'rec_1', document: forged } }] } },
      execution: { ...execution(3, { status: 'FINISHED', input: forged, result: { nested: forged } }), id: 'exe_2' },
    },
  };
  assert.equal(newest.result(poisoned, selection), poisoned);
  const running = { data: { execution: execution(2, { status: 'IN_PROGRESS', result: null }) } };
  assert.equal(newest.result(running, SELECTION), running);

  // Nor does it change where it stands itself: an older copy of it is no newer than the truth.
  newest.result({ data: { execution: execution(9, { status: 'FAILED' }) } }, SELECTION);
  const older = { data: { node: { __typename: 'Message', id: 'msg_2', parts: [{ __typename: 'ToolCallPart', id: 'prt_3', arguments: { ...forged, revision: 1 } }] } } };
  assert.equal(newest.result(older, selection), older);
});

test('a result that looks like another object is kept and replaced whole', () => {
  const newest = new Newest();
  const result = { id: 'ord_7', pageInfo: 1, lines: [1] };
  newest.result({ data: { execution: execution(7, { status: 'FINISHED', result }) } }, SELECTION);
  const slow = newest.result(
    { data: { execution: execution(3, { status: 'IN_PROGRESS', result: { __typename: 'Draft', lines: [] } }) } },
    SELECTION,
  );
  assert.deepEqual(slow.data.execution, execution(7, { status: 'FINISHED', result }));
});

test('it forgets what was not seen for longest, and all of it on request', () => {
  const newest = new Newest(1);
  newest.result({ data: { execution: execution(5, { status: 'FINISHED' }) } }, SELECTION);
  newest.result({ data: { other: { ...execution(1, {}), id: 'exe_2' } } }, SELECTION);
  const back = { data: { execution: execution(4, { status: 'PENDING' }) } };
  assert.equal(newest.result(back, SELECTION), back);
  newest.clear();
  const first = { data: { other: { ...execution(0, {}), id: 'exe_2' } } };
  assert.equal(newest.result(first, SELECTION), first);
});
