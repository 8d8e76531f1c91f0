import { describe, expect, test } from 'vitest';
import { sectionsOf } from './flat';

describe('a table is drawn', () => {
  test('of a list of flat objects, with every column that occurs', () => {
    expect(sectionsOf([{ sku: 'A', stock: 1 }, { sku: 'B', note: null }])).toEqual([
      {
        title: undefined,
        columns: ['sku', 'stock', 'note'],
        rows: [
          ['A', 1, undefined],
          ['B', undefined, null],
        ],
      },
    ]);
  });
  test('of an object, its plain members first', () => {
    expect(sectionsOf({ lines: [{ sku: 'A' }], total: 2, tags: ['x'] })).toEqual([
      { title: undefined, columns: ['name', 'value'], rows: [['total', 2]] },
      { title: 'lines', columns: ['sku'], rows: [['A']] },
      { title: 'tags', columns: ['value'], rows: [['x']] },
    ]);
  });
});

describe('no table is drawn', () => {
  test.each([
    ['of what is nested deeper', { a: { b: { c: 1 } } }],
    ['of a list of lists', [[1]]],
    ['of a plain value', 'text'],
    ['of nothing', {}],
    ['of an empty list alone', { a: [] }],
    ['wider than can be read', [Object.fromEntries(Array.from({ length: 13 }, (_, at) => [`c${at}`, at]))]],
  ])('%s', (_, value) => expect(sectionsOf(value)).toBeUndefined());
});
