// A page that is open and idle asks for nothing: what changes comes over its one WebSocket.
import type { Request, WebSocket } from '@playwright/test';
import { ended, launch } from './api.ts';
import { comesToRest, expect, live, requestsOf, test } from './world.ts';

/** Long enough to see any timer that a page would poll by; thirty by hand: IDLE_SECONDS=30. */
const IDLE_MS = Number(process.env.IDLE_SECONDS ?? 8) * 1_000;

test('an idle history page asks for nothing, and still shows what changes', async ({ page, server, demo, demoToken, ownSet }) => {
  const sockets: WebSocket[] = [];
  page.on('websocket', (socket) => sockets.push(socket));
  await page.goto(`${server.url}/sets/${ownSet.dataSetId}/executions`);
  await expect(page.getByText('Nothing has run here yet')).toBeVisible();
  await live(page);
  await comesToRest(page, 1_000);
  const requests = requestsOf(page);
  // Time is what this is about, so this one waits.
  await page.waitForTimeout(IDLE_MS);
  expect(requests).toEqual([]);
  // One that did not open in time is given up, and another one stays.
  expect(sockets.filter((socket) => !socket.isClosed())).toHaveLength(1);

  const { id } = await launch(demo, { agentId: ownSet.agents.trials!, executionKey: 'noop', labels: ['quiet'] });
  await ended(server, demoToken, id);
  const row = page.getByRole('row').filter({ hasText: 'quiet' });
  await expect(row.locator('[data-status=FINISHED]')).toBeVisible();
  expect(requests).toEqual([]);
});

test('the page of a running execution asks for nothing', async ({ page, server, demo, set }) => {
  const { id } = await launch(demo, { agentId: set.agents.trials!, executionKey: 'slow' });
  await page.goto(`${server.url}/sets/${set.dataSetId}/executions/${id}`);
  await expect(page.locator('[data-status=IN_PROGRESS]').first()).toBeVisible();
  await expect(page.getByRole('list', { name: 'Steps, oldest first' }).getByRole('listitem').first()).toBeVisible();
  await live(page);
  await comesToRest(page, 1_000);
  const requests = requestsOf(page);
  await page.waitForTimeout(IDLE_MS);
  expect(requests).toEqual([]);
});

test('the first load of the history is less than 250 KB of compressed script', async ({ page, server, set }) => {
  const finished: Request[] = [];
  page.on('requestfinished', (request) => {
    if (new URL(request.url()).pathname.endsWith('.js')) finished.push(request);
  });
  await page.goto(`${server.url}/sets/${set.dataSetId}/executions`);
  await live(page);
  await comesToRest(page, 1_000);
  const scripts = finished.map((request) => new URL(request.url()).pathname);
  // What the page itself knows of has all been counted, also what was only loaded ahead.
  const known = await page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname));
  expect(known.filter((one) => one.endsWith('.js')).sort()).toEqual([...scripts].sort());
  expect(scripts.length, 'no script at all would be a small page').toBeGreaterThan(1);
  expect(scripts.filter((one) => /monaco|graphiql/i.test(one))).toEqual([]);
  for (const request of finished) expect((await request.response())?.headers()['content-encoding'], request.url()).toMatch(/br|gzip/);
  const sizes = await Promise.all(finished.map((request) => request.sizes()));
  const bytes = sizes.reduce((sum, one) => sum + one.responseBodySize, 0);
  expect(bytes).toBeGreaterThan(50_000);
  expect(bytes, scripts.join(' ')).toBeLessThan(250_000);
});
