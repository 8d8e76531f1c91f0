import { describe, expect, test } from 'vitest';
import type { Stored } from '@/api/upload';
import { Chosen, leftOf, type Picked, refusal, type Rules } from './files';

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

describe('what was chosen', () => {
  /** Uploads that end when the test says so. */
  function choosing() {
    const ends = new Map<string, (stored: Stored) => void>();
    const chosen = new Chosen((file, _agent, onProgress) => ({
      stored: new Promise<Stored>((resolve) => {
        ends.set(file.name, (stored) => {
          onProgress(1);
          resolve(stored);
        });
      }),
      abort: () => {},
    }));
    const end = (name: string) => ends.get(name)?.({ id: `fil_${name}`, filename: name, sizeBytes: 3 });
    const states = () => chosen.files().map(({ filename, state }) => `${filename} ${state}`);
    return { chosen, end, states };
  }
  const file = (name: string) => new File(['abc'], name);
  const settled = () => new Promise((resolve) => setTimeout(resolve));

  test('keeps a file that came up in the moment in which another was added', async () => {
    const { chosen, end, states } = choosing();
    chosen.add([file('a.csv')], rules, 'agt_1');
    end('a.csv');
    // The upload tells of its end in a turn of its own, and nothing is drawn in between.
    await Promise.resolve().then(() => chosen.add([file('b.csv')], rules, 'agt_1'));
    await settled();
    expect(states()).toEqual(['a.csv stored', 'b.csv uploading']);
  });

  test('is there again after the page was left, and says what was lost on the way', async () => {
    const { chosen, end, states } = choosing();
    chosen.add([file('a.csv'), file('b.csv'), file('refused.exe')], rules, 'agt_1');
    end('a.csv');
    await settled();
    const again = choosing();
    again.chosen.keep(leftOf(chosen.files()));
    expect(again.states()).toEqual(['a.csv stored', 'b.csv failed']);
    expect(again.chosen.files()[1]?.error).toMatch(/not up yet when the page was left/);
    // However often it is left.
    expect(leftOf(again.chosen.files())).toEqual(leftOf(chosen.files()));
    expect(states()).toHaveLength(3);
  });

  test('goes with a message, and only what was there then', async () => {
    const { chosen, end, states } = choosing();
    chosen.add([file('a.csv')], rules, 'agt_1');
    end('a.csv');
    await settled();
    const taken = chosen.take();
    chosen.add([file('b.csv')], rules, 'agt_1');
    expect(taken.map((one) => one.stored?.id)).toEqual(['fil_a.csv']);
    expect(states()).toEqual(['b.csv uploading']);
    chosen.putBack(taken);
    expect(states()).toEqual(['a.csv stored', 'b.csv uploading']);
  });
});
