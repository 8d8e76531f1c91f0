import { expect, test } from 'vitest';
import { paths, safeNext } from './paths';

test('signing in leads back to where one was, and to no other site', () => {
  expect(safeNext('/sets/set_1/executions?status=FAILED#x')).toBe('/sets/set_1/executions?status=FAILED#x');
  for (const bad of [null, '', 'https://elsewhere.example/', '//elsewhere.example', '/\\elsewhere.example', 'javascript:1', '/sign-in?next=/'])
    expect(safeNext(bad), String(bad)).toBe('/');
});

test('a launch is preselected by its address', () => {
  expect(paths.launch('set_1')).toBe('/sets/set_1/launch');
  expect(paths.launch('set_1', { agent: 'agt_1', type: 'order-intake' })).toBe(
    '/sets/set_1/launch?agent=agt_1&type=order-intake',
  );
});
