// The overview's pictures: what they show is what the API says, for the eye, for the keyboard and as a table.
import type { Request } from '@playwright/test';
import { ended, launch } from './api.ts';
import { comesToRest, expect, test } from './world.ts';

test('the pictures show what happened, and lead to its rows', async ({ page, server, demo, demoToken, set }) => {
  const trials = set.agents.trials!;
  for (const executionKey of ['noop', 'noop', 'stubborn']) {
    const { id } = await launch(demo, { agentId: trials, executionKey, labels: ['pictures'] });
    await ended(server, demoToken, id);
  }
  const { executionStats } = await demo(
    `query($filter: ExecutionFilter, $range: DateTimeRange!) {
      executionStats(filter: $filter, range: $range) { totalCount statusCounts { status count } }
    }`,
    { filter: { dataSetIds: [set.dataSetId] }, range: { from: new Date(Date.now() - 3_600_000).toISOString() } },
  );
  const failed = executionStats.statusCounts.find((one: any) => one.status === 'FAILED').count;
  await page.goto(`${server.url}/sets/${set.dataSetId}/overview?range=1h`);
  const tile = (name: string) => page.locator('dl > div').filter({ has: page.getByText(name, { exact: true }) });
  await expect(tile('Executions')).toContainText(String(executionStats.totalCount));
  await expect(tile('Finished well')).toContainText(`${failed} failed`);

  const picture = page.getByRole('group', { name: /^Executions over time by outcome/ });
  await picture.focus();
  await page.keyboard.press('End');
  await expect(picture.getByRole('status')).toContainText('Finished');
  await page.getByText('As a table').first().click();
  await expect(page.getByRole('region', { name: 'Executions over time by outcome, as a table' }).getByRole('row').last()).toContainText(/\d/);

  await page.getByRole('link', { name: 'Finished well' }).click();
  await expect(page).toHaveURL(/\/executions\?span=1h&status=failed/);
  await expect(page.getByRole('table').getByText('Stubborn').first()).toBeVisible();
});

test('the numbers follow what happens, without asking while nothing does', async ({ page, server, demo, demoToken, ownSet }) => {
  await page.goto(`${server.url}/sets/${ownSet.dataSetId}/overview?range=1h`);
  const total = page.locator('dl > div').filter({ has: page.getByText('Executions', { exact: true }) }).locator('dd > span').first();
  await expect(total).toHaveText('0');
  const { id } = await launch(demo, { agentId: ownSet.agents.trials!, executionKey: 'noop' });
  await ended(server, demoToken, id);
  await expect(total).toHaveText('1');
  // Longer than the numbers are asked for when something changes: for the end of the execution, maybe, once more.
  await comesToRest(page, 12_000);
  await expect(total).toHaveText('1');
});

test('the stream begins before the numbers are read, so that the last change is told, and keeps nobody waiting who was here before', async ({ page, server, set }) => {
  const heard: string[] = [];
  const operationOf = (request: Request) => /"operationName":"(\w+)"/.exec(request.postData() ?? '')?.[1];
  const log = (what: string, request: Request) => {
    const operation = operationOf(request);
    if (operation?.startsWith('Overview')) heard.push(`${operation} ${what}`);
  };
  page.on('request', (request) => log('asked', request));
  let cursor: string | undefined;
  let road: Promise<void> = Promise.resolve();
  await page.route('**/graphql', async (route) => {
    if (operationOf(route.request()) !== 'OverviewStart') return route.continue();
    const answer = await route.fetch();
    cursor = (await answer.json()).data.executions.streamCursor;
    await road;
    heard.push('OverviewStart answered');
    return route.fulfill({ response: answer });
  });
  const subscribed = page.waitForEvent('websocket').then((socket) =>
    socket.waitForEvent('framesent', (frame) => String(frame.payload).includes('OverviewChanged')),
  );
  await page.goto(`${server.url}/sets/${set.dataSetId}/overview`);
  const tile = page.locator('dl > div').first();
  await expect(tile).toContainText(/\d/);
  expect(heard.slice(0, 2)).toEqual(['OverviewStart asked', 'OverviewStart answered']);
  expect(heard.slice(2).sort()).toEqual(['Overview asked', 'OverviewFacets asked']);
  const { payload } = JSON.parse(String((await subscribed).payload));
  expect(payload.variables.after).toBe(cursor);

  let arrive = () => {};
  road = new Promise((resolve) => (arrive = resolve));
  const pages = page.getByRole('navigation', { name: 'Pages' });
  await pages.getByRole('link', { name: 'History' }).click();
  await expect(tile).toBeHidden();
  heard.length = 0;
  await pages.getByRole('link', { name: 'Overview' }).click();
  await expect(tile).toContainText(/\d/);
  expect(heard).toEqual(['OverviewStart asked']);
  arrive();
  await expect.poll(() => heard.length).toBe(4);
});
