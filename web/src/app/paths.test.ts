import { matchPath } from 'react-router';
import { expect, test } from 'vitest';
import { paths, safeNext } from './paths';

test('signing in leads back to where one was, and to no other site', () => {
  expect(safeNext('/sets/set_1/executions?status=FAILED#x')).toBe('/sets/set_1/executions?status=FAILED#x');
  for (const bad of [null, '', 'https://elsewhere.example/', '//elsewhere.example', '/\\elsewhere.example', 'javascript:1', 'http://[', '//[', '/sign-in?next=/'])
    expect(safeNext(bad), String(bad)).toBe('/');
});

test('a launch is preselected by its address', () => {
  expect(paths.launch('set_1')).toBe('/sets/set_1/launch');
  expect(paths.launch('set_1', { agent: 'agt_1', type: 'order-intake' })).toBe(
    '/sets/set_1/launch?agent=agt_1&type=order-intake',
  );
});

test("an execution's conversation is under the history, a person's under the conversations", () => {
  // As the links of the navigation decide which of them is the current one.
  const isUnder = (to: string, address: string) => matchPath({ path: to, end: false }, address) !== null;
  const [history, conversations] = [paths.history('set_1'), paths.conversations('set_1')];
  const ofExecution = paths.conversation('set_1', 'con_1', 'exe_1');
  expect([isUnder(history, ofExecution), isUnder(conversations, ofExecution)]).toEqual([true, false]);
  const ofPerson = paths.conversation('set_1', 'con_2');
  expect([isUnder(history, ofPerson), isUnder(conversations, ofPerson)]).toEqual([false, true]);
});
