import { expect, test } from 'vitest';
import { linesOf, pasted, withRest } from './pasted';

const at = (value: string, start: number | null, end = start) => ({ value, selectionStart: start, selectionEnd: end });

test('a pasted list becomes one item a line, or a cell', () => {
  expect(linesOf(' a\r\nb\tc\n\n')).toEqual(['a', 'b', 'c']);
  expect(pasted({ skus: ['x', '', 'y'] }, ['skus'], 1, ['a', 'b'])).toEqual({ skus: ['x', 'a', 'b', 'y'] });
});

test('what the item held stays, but for what was selected', () => {
  const lines = ['a', 'b'];
  expect(withRest(lines, at('', 0))).toEqual(['a', 'b']);
  expect(withRest(lines, at('MUG', 3))).toEqual(['MUG', 'a', 'b']);
  expect(withRest(lines, at('MUG', 1))).toEqual(['MUG', 'a', 'b']);
  expect(withRest(lines, at('MUG', 0))).toEqual(['a', 'b', 'MUG']);
  expect(withRest(lines, at('MUG', 0, 3))).toEqual(['a', 'b']);
  expect(withRest(lines, at('MUG-1', 3, 5))).toEqual(['MUG', 'a', 'b']);
  // A field of another kind does not say.
  expect(withRest(lines, at('a@b.c', null))).toEqual(['a@b.c', 'a', 'b']);
});
