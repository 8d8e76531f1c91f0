import { expect, test } from 'vitest';
import type { JsonValue } from '@/api/json';
import { written } from './written';

const schema = {
  $defs: { line: { type: 'object', properties: { sku: { type: 'string' }, count: { type: 'integer' } } } },
  type: 'object',
  properties: {
    order: { type: 'string' },
    lines: { type: 'array', items: { $ref: '#/$defs/line' } },
    notes: { type: 'array', items: { type: 'string' } },
  },
};
const text = (value: unknown) => JSON.stringify(written(value as JsonValue, schema));

test('members stand in the order of the schema, in whatever order they were filled in', () => {
  expect(text({ more: 1, lines: [{ count: 2, sku: 'A' }], order: 'x' })).toBe('{"order":"x","lines":[{"sku":"A","count":2}],"more":1}');
});

test('a field that was emptied is left out, one that is false or null is not', () => {
  expect(text({ order: undefined, more: null, other: false })).toBe('{"more":null,"other":false}');
});

test('an item that is not filled in yet is an empty text', () => {
  expect(text({ notes: [undefined, null, 'a'] })).toBe('{"notes":["","","a"]}');
});

test('what the schema says nothing of stays as it is', () => {
  expect(written([{ b: 1, a: 2 }], undefined)).toEqual([{ b: 1, a: 2 }]);
});
