// The overview's pictures: what they show is what the API says, for the eye, for the keyboard and as a table.
import { ended, launch } from './api.ts';
import { expect, requestsOf, test } from './world.ts';

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

test('the numbers follow what happens, without asking while nothing does', async ({ page, server, demo, demoToken, set }) => {
  await page.goto(`${server.url}/sets/${set.dataSetId}/overview?range=1h`);
  const total = page.locator('dl > div').filter({ has: page.getByText('Executions', { exact: true }) }).locator('dd > span').first();
  await expect(total).toHaveText(/\d/);
  await page.waitForLoadState('networkidle');
  const before = Number((await total.innerText()).replace(/\D/g, ''));
  const { id } = await launch(demo, { agentId: set.agents.trials!, executionKey: 'noop' });
  await ended(server, demoToken, id);
  await expect(total).toHaveText(String(before + 1), { timeout: 30_000 });
  await page.waitForLoadState('networkidle');
  const requests = requestsOf(page);
  // Longer than the numbers are asked for when something changes.
  await page.waitForTimeout(12_000);
  expect(requests).toEqual([]);
});
