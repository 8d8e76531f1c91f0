// That the check of breaking changes finds them, and lets go what was announced.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildSchema } from 'graphql';
import { badReasons, breaks } from './released.mjs';

const announced = '@deprecated(reason: "Use name. Removed no earlier than 2030-06-01.")';
const schema = (fields, rest = '') => buildSchema(`type Query { name: String ${fields} } ${rest}`);
const found = async (before, after, today = '2030-01-01') =>
  (await breaks(before, after, today)).map((problem) => problem.split(':')[0]);

test('a field goes only when it was deprecated, and not before its date', async () => {
  assert.deepEqual(await found(schema('old: String'), schema('')), ['Query.old']);
  assert.deepEqual(await found(schema(`old: String ${announced}`), schema('')), ['Query.old']);
  assert.deepEqual(await found(schema(`old: String ${announced}`), schema(''), '2030-06-01'), []);
});

test('arguments, input fields and enum values go the same way', async () => {
  const before = schema(
    `list(old: Int ${announced}): String filter(by: In): String`,
    `input In { name: String old: String ${announced} } enum E { A OLD ${announced} }`,
  );
  const after = schema('list: String filter(by: In): String', 'input In { name: String } enum E { A }');
  assert.deepEqual((await found(before, after)).toSorted(), ['E.OLD', 'In.old', 'Query.list.old']);
  assert.deepEqual(await found(before, after, '2030-06-01'), []);
});

test('what changes under a client is found, deprecated or not', async () => {
  assert.deepEqual(await found(schema('n: Int!'), schema('n: Int')), ['Query.n']);
  assert.deepEqual(await found(schema(`n: Int ${announced}`), schema('n: String'), '2031-01-01'), ['Query.n']);
  assert.deepEqual(await found(schema('n(a: Int): Int'), schema('n(a: Int!): Int')), ['Query.n.a']);
  assert.deepEqual(await found(schema('n(a: Int = 1): Int'), schema('n(a: Int = 2): Int')), ['Query.n.a']);
  const union = (members) => schema('u: U', `type A { a: Int } type B { b: Int } union U = ${members}`);
  assert.deepEqual(await found(union('A | B'), union('A')), ['U']);
  assert.deepEqual(await found(union('A'), union('A | B')), []);
  assert.deepEqual(await found(schema('n: Int'), schema('n(a: Int): Int more: Int')), []);
  const status = (values) => schema('s: ExecutionStatus', `enum ExecutionStatus { ${values} }`);
  assert.deepEqual(await found(status('A'), status('A B')), ['ExecutionStatus.B']);
});

test('a deprecation names what to use and a date', () => {
  assert.deepEqual(badReasons(schema(`old: String ${announced}`)), []);
  assert.equal(badReasons(schema('old: String @deprecated')).length, 1);
  assert.equal(badReasons(schema('old(a: Int @deprecated(reason: "gone soon")): String')).length, 1);
});
