// The overview's pictures: what they show is what the API says, for the eye, for the keyboard and as a table.
import { ended, launch } from './api.ts';
import { comesToRest, expect, test } from './world.ts';

test('the pictures show what happened, and lead to its rows', async ({ page, server, demo, demoToken, ownSet }) => {
  const trials = ownSet.agents.trials!;
  for (const executionKey of ['noop', 'noop', 'stubborn']) {
    const { id } = await launch(demo, { agentId: trials, executionKey, labels: ['pictures'] });
    await ended(server, demoToken, id);
  }
  const { executionStats } = await demo(
    `query($filter: ExecutionFilter, $range: DateTimeRange!) {
      executionStats(filter: $filter, range: $range) { totalCount statusCounts { status count } }
    }`,
    { filter: { dataSetIds: [ownSet.dataSetId] }, range: { from: new Date(Date.now() - 3_600_000).toISOString() } },
  );
  const countOf = (status: string) => executionStats.statusCounts.find((one: any) => one.status === status).count;
  expect([executionStats.totalCount, countOf('FINISHED'), countOf('FAILED')]).toEqual([3, 2, 1]);
  await page.goto(`${server.url}/sets/${ownSet.dataSetId}/overview?range=1h`);
  const tile = (name: string) => page.locator('dl > div').filter({ has: page.getByText(name, { exact: true }) });
  await expect(tile('Executions')).toContainText('3');
  await expect(tile('Finished well')).toContainText('1 failed');

  await page.getByText('As a table').first().click();
  const table = page.getByRole('region', { name: 'Executions over time by outcome, as a table' }).getByRole('row');
  await expect(table.last()).toBeVisible();
  const [head, ...minutes] = await table.evaluateAll((rows) =>
    rows.map((row) => [...row.querySelectorAll('th, td')].map((cell) => cell.textContent ?? '')),
  );
  const numbersOf = (outcome: string) => minutes.map((minute) => Number(minute[head!.indexOf(outcome)]));
  const sum = (numbers: number[]) => numbers.reduce((all, one) => all + one, 0);
  expect([sum(numbersOf('Finished')), sum(numbersOf('Failed'))]).toEqual([2, 1]);

  // By the keyboard, back to the minute in which they finished: what it says is what the table has.
  const picture = page.getByRole('group', { name: /^Executions over time by outcome/ });
  await picture.focus();
  await page.keyboard.press('End');
  const at = numbersOf('Finished').findIndex((number) => number > 0);
  for (let minute = minutes.length - 1; minute > at; minute -= 1) await page.keyboard.press('ArrowLeft');
  await expect(picture.getByRole('status')).toContainText(new RegExp(`Finished\\s*${numbersOf('Finished')[at]}`));
  await expect(picture.getByRole('status')).toContainText(minutes[at]![0]!);

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

test('the stream begins before the numbers are read, so that the last change is told, and keeps nobody waiting who was here before', async ({ page, server, ownSet }) => {
  // The numbers of an earlier visit are those of the same hours: in this test no hour ends.
  await page.clock.install({ time: new Date().setMinutes(1) });
  const heard: string[] = [];
  /** What the stream went on behind, by whichever way. */
  const followed: unknown[] = [];
  const hear = (payload: string | Buffer | null) => {
    const operation = /"operationName":"(\w+)"/.exec(String(payload))?.[1];
    if (operation === 'OverviewChanged') {
      const said = JSON.parse(String(payload));
      followed.push((said.payload ?? said).variables.after);
    } else if (operation?.startsWith('Overview')) heard.push(`${operation} asked`);
  };
  page.on('request', (request) => hear(request.postData()));
  page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => hear(payload)));
  let cursor: string | undefined;
  let road: Promise<void> = Promise.resolve();
  await page.route('**/graphql', async (route) => {
    if (!route.request().postData()?.includes('"operationName":"OverviewStart"')) return route.continue();
    const answer = await route.fetch();
    cursor = (await answer.json()).data.executions.streamCursor;
    await road;
    heard.push('OverviewStart answered');
    return route.fulfill({ response: answer });
  });
  await page.goto(`${server.url}/sets/${ownSet.dataSetId}/overview`);
  const tile = page.locator('dl > div').first();
  await expect(tile).toContainText(/\d/);
  await expect.poll(() => heard.length).toBe(4);
  expect(heard.slice(0, 2)).toEqual(['OverviewStart asked', 'OverviewStart answered']);
  expect(heard.slice(2).sort()).toEqual(['Overview asked', 'OverviewFacets asked']);
  await expect.poll(() => followed[0]).toBe(cursor);

  let arrive = () => {};
  road = new Promise((resolve) => (arrive = resolve));
  const pages = page.getByRole('navigation', { name: 'Pages' });
  await pages.getByRole('link', { name: 'History' }).click();
  await expect(tile).toBeHidden();
  heard.length = 0;
  await pages.getByRole('link', { name: 'Overview' }).click();
  await expect(tile).toContainText(/\d/);
  await expect.poll(() => heard).toEqual(['OverviewStart asked']);
  arrive();
  await expect.poll(() => heard.length).toBe(4);
});
