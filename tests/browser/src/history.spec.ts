// The history as a list that lives: what comes, what waits, what is asked for and what is not.
import type { Route } from '@playwright/test';
import { ended, launch } from './api.ts';
import { comesToRest, expect, expectAccessible, live, requestsOf, test } from './world.ts';

const rowsOf = (page: import('@playwright/test').Page) =>
  page.getByRole('table').getByRole('row').filter({ has: page.locator('[data-status]') });

test('another filter dims the rows that were there until its own are, and nothing moves', async ({ page, server, demo, demoToken, set }) => {
  const trials = set.agents.trials!;
  for (const executionKey of ['noop', 'stubborn']) {
    const { id } = await launch(demo, { agentId: trials, executionKey, labels: ['dimmed'] });
    await ended(server, demoToken, id);
  }
  await page.goto(`${server.url}/sets/${set.dataSetId}/executions?label=dimmed`);
  await expect(rowsOf(page)).toHaveCount(2);
  // The answer to the next list is held back, as a slow server does.
  let release = () => {};
  const held = new Promise<void>((go) => (release = go));
  await page.route('**/graphql', async (route: Route) => {
    if (route.request().postData()?.includes('"operationName":"History"')) await held;
    await route.continue();
  });
  const table = page.getByRole('table');
  const before = await table.boundingBox();
  await page.getByRole('group', { name: 'Status' }).getByRole('button', { name: /Failed/ }).click();
  await expect(page.locator('[aria-busy=true]').getByRole('table')).toBeVisible();
  await expect(rowsOf(page)).toHaveCount(2);
  expect(await table.boundingBox()).toEqual(before);
  await expect(page.getByRole('status', { name: 'Loading the executions' })).toHaveCount(0);
  release();
  await expect(rowsOf(page)).toHaveCount(1);
  await expect(page.locator('[aria-busy=true]')).toHaveCount(0);
  const after = await table.boundingBox();
  expect([after?.x, after?.y, after?.width]).toEqual([before?.x, before?.y, before?.width]);
});

test('the counts in a menu follow what happens, and ask for nothing while nothing does', async ({ page, server, demo, demoToken, ownSet }) => {
  await page.goto(`${server.url}/sets/${ownSet.dataSetId}/executions`);
  await live(page);
  await page.getByRole('button', { name: 'Agent', exact: true }).click();
  const option = page.getByRole('group', { name: 'Agent' }).locator('label').filter({ hasText: 'Trials' });
  await expect(option).toContainText(/\d/);
  await expectAccessible(page);
  const counted = async () => Number(/(\d+)\s*$/.exec(await option.innerText())?.[1]);
  const before = await counted();
  const { id } = await launch(demo, { agentId: ownSet.agents.trials!, executionKey: 'noop' });
  await ended(server, demoToken, id);
  await expect.poll(counted).toBe(before + 1);
  // Longer than the counts are asked for when something changes; the end of the execution may be counted once more.
  await comesToRest(page, 5_000);
  expect(await counted()).toBe(before + 1);
});

test('what comes waits above a reader who has scrolled', async ({ page, server, demo, demoToken, set }) => {
  const agentId = set.agents.trials!;
  const many = await Promise.all(Array.from({ length: 30 }, () => launch(demo, { agentId, executionKey: 'noop', labels: ['scrolled'] })));
  await Promise.all(many.map(({ id }) => ended(server, demoToken, id)));
  await page.goto(`${server.url}/sets/${set.dataSetId}/executions?label=scrolled`);
  await live(page);
  await expect(rowsOf(page)).toHaveCount(25);
  await page.mouse.move(700, 500);
  await page.mouse.wheel(0, 400);
  // All the way: it is no jump.
  await expect.poll(() => page.evaluate(() => window.scrollY)).toBe(400);
  const read = rowsOf(page).nth(12);
  const before = await read.boundingBox();
  const fresh = await Promise.all(Array.from({ length: 3 }, () => launch(demo, { agentId, executionKey: 'noop', labels: ['scrolled', 'fresh'] })));
  await Promise.all(fresh.map(({ id }) => ended(server, demoToken, id)));
  await expect(page.getByRole('button', { name: '3 new' })).toBeVisible();
  expect(await read.boundingBox()).toEqual(before);
  await expect(page.getByText('fresh', { exact: true })).toHaveCount(0);
  await page.getByRole('button', { name: '3 new' }).click();
  await expect(page.getByText('fresh', { exact: true })).toHaveCount(3);
  await expect.poll(() => page.evaluate(() => window.scrollY)).toBe(0);
});

test('pages are turned both ways, and stand in the address', async ({ page, server, demo, set }) => {
  const agentId = set.agents.trials!;
  for (let number = 0; number < 30; number += 1) await launch(demo, { agentId, executionKey: 'noop', labels: ['paged', `paged-${number}`] });
  await page.goto(`${server.url}/sets/${set.dataSetId}/executions?label=paged`);
  await expect(rowsOf(page).first()).toContainText('paged-29');
  await page.getByRole('button', { name: 'Older' }).click();
  await expect(page).toHaveURL(/label=paged&after=/);
  await expect(rowsOf(page)).toHaveCount(5);
  await expect(rowsOf(page).last()).toContainText('paged-0');
  await page.reload();
  await expect(rowsOf(page)).toHaveCount(5);
  await page.getByRole('button', { name: 'Newer' }).click();
  await expect(rowsOf(page)).toHaveCount(25);
  await expect(rowsOf(page).first()).toContainText('paged-29');
  await page.goBack();
  await expect(rowsOf(page)).toHaveCount(5);
});

test('several are canceled and retried at once, and pressing twice retries once', async ({ page, server, demo, set }) => {
  const agentId = set.agents.trials!;
  for (let number = 0; number < 2; number += 1) await launch(demo, { agentId, executionKey: 'slow', labels: ['several'] });
  await page.goto(`${server.url}/sets/${set.dataSetId}/executions?label=several`);
  await expect(page.locator('[data-status=IN_PROGRESS]')).toHaveCount(2);
  await page.getByRole('checkbox', { name: 'Select all on this page' }).check();
  await page.getByRole('button', { name: 'Cancel 2' }).click();
  await page.getByRole('textbox', { name: 'Reason' }).fill('Both');
  await page.getByRole('button', { name: 'Cancel 2 executions' }).click();
  await expect(page.getByRole('table').getByText('Canceled')).toHaveCount(2);
  // What was selected is let go of after the answer: not what is selected next.
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await expect(page.getByRole('region', { name: 'Selected executions' })).toHaveCount(0);
  await page.getByRole('checkbox', { name: 'Select all on this page' }).check();
  const asked = requestsOf(page);
  await page.getByRole('button', { name: 'Retry 2' }).dblclick();
  await expect(rowsOf(page)).toHaveCount(4);
  await expect(page.getByRole('region', { name: 'Selected executions' })).toHaveCount(0);
  await comesToRest(page, 1_000);
  expect(asked.filter(({ what }) => /retry/i.test(what))).toHaveLength(1);
  const count = async () =>
    (await demo('query($filter: ExecutionFilter) { executions(filter: $filter) { totalCount } }', { filter: { labels: ['several'] } }))
      .executions.totalCount;
  expect(await count()).toBe(4);
});

test('why they failed is a filter as well, and the overview leads to it', async ({ page, server, demo, demoToken, set }) => {
  const { id } = await launch(demo, { agentId: set.agents.trials!, executionKey: 'stubborn', labels: ['why'] });
  await ended(server, demoToken, id);
  await page.goto(`${server.url}/sets/${set.dataSetId}/overview?range=1h`);
  await page.getByRole('list', { name: 'Failures by code' }).getByRole('link', { name: 'Retries exhausted' }).click();
  await expect(page).toHaveURL(/failure=max_retries_exceeded/);
  await expect(rowsOf(page).filter({ hasText: 'why' })).toHaveCount(1);
  await page.getByRole('button', { name: 'Failure: Retries exhausted' }).click();
  // What is chosen stands in the address, and is drawn from there.
  await page.getByRole('checkbox', { name: 'Retries exhausted' }).click();
  await expect(page).not.toHaveURL(/failure=/);
  await page.getByRole('checkbox', { name: 'Timed out' }).click();
  await expect(page).toHaveURL(/failure=timed_out/);
  await expect(rowsOf(page).filter({ hasText: 'why' })).toHaveCount(0);
});

test('a menu that was counted only in part says so, and calls nothing absent', async ({ page, server, demo, demoToken, set }) => {
  const { id } = await launch(demo, { agentId: set.agents.trials!, executionKey: 'noop', labels: ['partly'] });
  await ended(server, demoToken, id);
  let isExact = false;
  // As the server answers where there are more than it counts.
  await page.route('**/graphql', async (route: Route) => {
    if (!route.request().postData()?.includes('"operationName":"HistoryFacets"')) return route.fallback();
    const response = await route.fetch();
    const answer = await response.json();
    expect(answer.data.executionFacets.isExact).toBe(true);
    answer.data.executionFacets.isExact = isExact;
    return route.fulfill({ response, json: answer });
  });
  const options = page.getByRole('group', { name: 'Agent' }).locator('label');
  const open = async () => {
    await page.goto(`${server.url}/sets/${set.dataSetId}/executions?label=partly`);
    await page.getByRole('button', { name: 'Agent', exact: true }).click();
  };
  await open();
  await expect(options.filter({ hasText: 'Trials' })).toContainText(/\d\+$/);
  await expect(options.filter({ hasText: 'Catalog enrichment' })).not.toContainText(/\d/);
  await expect(page.getByText('Only the newest executions were counted')).toBeVisible();
  await expectAccessible(page);
  isExact = true;
  await open();
  await expect(options.filter({ hasText: 'Trials' })).toContainText(/\d$/);
  await expect(options.filter({ hasText: 'Catalog enrichment' })).toContainText(/0$/);
  await expect(page.getByText('Only the newest executions were counted')).toHaveCount(0);
});
