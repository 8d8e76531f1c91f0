import { describe, expect, it } from 'vitest';
import { cell, columnsOf } from './columns';

describe('columns of records', () => {
  it('are the members that most documents have, flat ones first, in their order', () => {
    expect(columnsOf([{ name: 'a', tags: [1], rare: 1 }, { name: 'b', tags: [] }, { name: 'c', tags: [], stock: 3 }])).toEqual([
      'name',
      'tags',
      'rare',
      'stock',
    ]);
  });
  it('are six at most, and none where documents have no members', () => {
    expect(columnsOf([Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`m${index}`, index]))])).toHaveLength(6);
    expect(columnsOf([[1, 2], 'words', null])).toEqual([]);
  });
});

describe('a cell', () => {
  it('shows words as they are, the rest as JSON, and nothing as nothing', () => {
    expect([cell('x'), cell(3), cell([1]), cell(false), cell(null), cell(undefined)]).toEqual(['x', '3', '[1]', 'false', '', '']);
  });
});
