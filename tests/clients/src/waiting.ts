// Waiting for what must come: a condition, with an end to the patience.

import assert from 'node:assert/strict';

/** Waits until it holds. It is looked at often, and not for ever: so long that what takes longer hangs, on a machine
 * that others use too. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, ms = 90_000): Promise<void> {
  const end = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > end) assert.fail(`waited ${ms} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
