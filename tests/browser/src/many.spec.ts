// More data sets and agents than a page of the API holds: all are offered, and who has few asks no more for it.
import { api } from './api.ts';
import { startServer } from './server.ts';
import { comesToRest, expect, expectAccessible, requestsOf, signIn, test } from './world.ts';

const MANY = 101;
const names = (what: string) => Array.from({ length: MANY }, (_, place) => `${what} ${String(place + 1).padStart(3, '0')}`);

const timesOf = (asked: { what: string }[], operation: string) => asked.filter(({ what }) => what.endsWith(` ${operation}`)).length;

test('the 101st data set and the 101st agent are offered', async ({ context }) => {
  const server = await startServer();
  try {
    const admin = api(server, server.adminToken);
    let dataSetId = '';
    for (const name of names('Set')) {
      const { createDataSet } = await admin(
        `mutation($input: CreateDataSetInput!) {
          createDataSet(input: $input) { dataSet { id } errors { ... on UserError { message } } }
        }`,
        { input: { name } },
      );
      dataSetId = createDataSet.dataSet.id;
    }
    for (const name of names('Agent')) {
      await admin(
        `mutation($input: CreateAgentInput!) {
          createAgent(input: $input) { agent { id } errors { ... on UserError { message } } }
        }`,
        { input: { dataSetId, agentTypeKey: 'trials', name } },
      );
    }
    await signIn(context, server, server.adminToken);
    const page = await context.newPage();
    const address = `${server.url}/sets/${dataSetId}`;

    await page.goto(`${address}/launch`);
    await expect(page.getByRole('radiogroup', { name: 'Agent' }).getByRole('radio')).toHaveCount(MANY);
    await page.getByRole('radio', { name: 'Agent 101' }).click();
    await expect(page.getByRole('radiogroup', { name: 'Execution type' })).toBeVisible();

    const switcher = page.getByRole('button', { name: 'Data set: Set 101' });
    await switcher.click();
    // With the one that the demo brings.
    await expect(page.getByRole('menuitemradio')).toHaveCount(MANY + 1);
    await page.keyboard.press('Escape');

    await page.goto(`${address}/conversations`);
    await expect(page.getByRole('button', { name: /^Agent \d+/ })).toHaveCount(MANY);

    const asked = requestsOf(page);
    await page.goto(`${address}/executions`);
    await page.getByRole('button', { name: 'Agent', exact: true }).click();
    await expect(page.getByRole('group', { name: 'Agent' }).getByRole('checkbox')).toHaveCount(MANY);
    await expectAccessible(page);
    await comesToRest(page, 1_000);
    expect([timesOf(asked, 'Shell'), timesOf(asked, 'HistoryMenus')]).toEqual([2, 2]);
  } finally {
    await server.stop();
  }
});

test('few are asked for once', async ({ page, server, set }) => {
  const asked = requestsOf(page);
  await page.goto(`${server.url}/sets/${set.dataSetId}/executions`);
  await page.getByRole('button', { name: 'Agent', exact: true }).click();
  await expect(page.getByRole('group', { name: 'Agent' }).getByRole('checkbox').first()).toBeVisible();
  await page.keyboard.press('Escape');
  await page.getByRole('link', { name: 'Launch', exact: true }).first().click();
  await expect(page.getByRole('radiogroup', { name: 'Agent' })).toBeVisible();
  await comesToRest(page, 1_000);
  expect(['Shell', 'HistoryMenus', 'LaunchAgents'].map((one) => timesOf(asked, one))).toEqual([1, 1, 1]);
  await expect(page.getByText('Loading the rest')).toHaveCount(0);
});
