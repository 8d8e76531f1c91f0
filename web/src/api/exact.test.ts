import { expect, test } from 'vitest';
import { firstInexact, inexact } from './exact';

test.each(['0', '-0', '1', '-1.50', '1e3', '100', '0.1', '1E-7', '9007199254740992', '1e21', '123456789.125', '', 'words', '1.0'])(
  '%s is sent as it was written',
  (literal) => {
    expect(inexact(literal)).toBeUndefined();
  },
);

test.each([
  ['9007199254740993', /sent as 9007199254740992.*"9007199254740993"/],
  ['-9007199254740993', /more digits/],
  ['3.14159265358979323846', /sent as 3\.141592653589793\b/],
  ['1e400', /larger than any number/],
  ['1e-400', /sent as 0\b/],
])('%s is not, and it is said what would be', (literal, words) => {
  expect(inexact(literal)).toMatch(words);
});

test('in a document the line is named, and texts are left alone', () => {
  expect(firstInexact('{"a": "9007199254740993 \\" 1e400", "b": [1, 2.5e3]}')).toBeUndefined();
  expect(firstInexact('{\n  "a": 1,\n  "order": 9007199254740993\n}')).toMatch(/^Line 3: 9007199254740993/);
});
