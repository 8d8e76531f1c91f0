import { CombinedError } from 'urql';
import { expect, test } from 'vitest';
import { failureWords, inBulk, MOST_AT_ONCE } from './bulk';

const ids = (number: number) => Array.from({ length: number }, (_, at) => `exe_${at}`);

test('as many are asked for at a time as the server takes, and all of them are', async () => {
  const asked: number[] = [];
  const { executions, done, error } = await inBulk<string>(ids(250), (some) => {
    asked.push(some.length);
    return Promise.resolve({ answer: { executions: some, errors: [] }, error: undefined });
  });
  expect(asked).toEqual([MOST_AT_ONCE, MOST_AT_ONCE, 50]);
  expect(executions).toEqual(ids(250));
  expect(done).toEqual(ids(250));
  expect(error).toBeUndefined();
});

test('what was refused is not done, each by its place in its own request', async () => {
  const { done, refusals } = await inBulk<string>(ids(102), (some) =>
    Promise.resolve({ answer: { executions: some.slice(1), errors: [{ message: 'It has ended.', path: ['ids', '0'] }] }, error: undefined }),
  );
  expect(done).toEqual(ids(102).filter((_, at) => at !== 0 && at !== 100));
  expect(refusals).toHaveLength(2);
  const all = await inBulk<string>(ids(2), () =>
    Promise.resolve({ answer: { executions: [], errors: [{ message: 'The reason is too long.', path: ['reason'] }] }, error: undefined }),
  );
  expect(all.done).toEqual([]);
});

test('after a request that failed no more is asked for, and what was done before is known', async () => {
  const lost = new CombinedError({ networkError: new Error('Failed to fetch') });
  let asked = 0;
  const { done, error } = await inBulk<string>(ids(250), (some) => {
    asked += 1;
    return Promise.resolve(asked === 2 ? { answer: undefined, error: lost } : { answer: { executions: some, errors: [] }, error: undefined });
  });
  expect(asked).toBe(2);
  expect(done).toEqual(ids(100));
  expect(error).toBe(lost);
});

test('nothing is called undone that may have been done', () => {
  const words = (error: CombinedError, done = 0, of = 3) => failureWords(error, { of, done, verb: 'canceled' });
  const network = (status?: number) =>
    new CombinedError({ networkError: new Error('x'), ...(status ? { response: { status } } : {}) });
  const refused = (code: string) => new CombinedError({ graphQLErrors: [{ message: 'Too much at once.', extensions: { code } }] });
  for (const error of [network(401), network(413), network(429), refused('RATE_LIMITED')])
    expect(words(error)).toMatch(/^Nothing was canceled\. /);
  for (const error of [network(), network(408), network(502), network(503), network(504), refused('INTERNAL')])
    expect(words(error)).toMatch(/^The answer did not arrive: they may have been canceled\. /);
  expect(words(network(), 0, 1)).toMatch(/^The answer did not arrive: it may have been canceled\. /);
  expect(words(network(), 100, 250)).toMatch(/^100 of 250 were canceled, of the others it is not known\. /);
  expect(words(network(429), 100, 250)).toMatch(/^100 of 250 were canceled, the others were not\. /);
});
