import { expect, test } from 'vitest';
import { type Picked, refusal, type Rules } from './files';

const rules: Rules = {
  maxFiles: 2,
  maxBytesPerFile: 1_000,
  maxBytesTotal: 1_500,
  extensions: ['.csv'],
  contentTypes: ['text/csv'],
};
const picked = (sizeBytes: number, state: Picked['state'] = 'stored'): Picked => ({
  key: String(sizeBytes),
  filename: 'a.csv',
  sizeBytes,
  state,
  progress: 1,
});

test('a file that the rules allow is taken, whatever the case of its name', () => {
  expect(refusal({ name: 'SHEET.CSV', size: 10 }, rules, [])).toBeUndefined();
});

test.each([
  ['another kind', { name: 'a.pdf', size: 10 }, [], /\.csv/],
  ['no kind', { name: 'csv', size: 10 }, [], /\.csv/],
  ['nothing in it', { name: 'a.csv', size: 0 }, [], /empty/],
  ['too much in it', { name: 'a.csv', size: 1_001 }, [], /1\.0 KB at most/],
  ['one too many', { name: 'a.csv', size: 1 }, [picked(1), picked(2)], /2 files/],
  ['too much together', { name: 'a.csv', size: 600 }, [picked(1_000)], /together/],
])('a file with %s is refused in words', (_, file, others, words) => {
  expect(refusal(file, rules, others)).toMatch(words);
});

test('a file that did not go up takes no place', () => {
  expect(refusal({ name: 'a.csv', size: 900 }, rules, [picked(900, 'failed'), picked(900, 'failed')])).toBeUndefined();
});
