// What somebody types stays theirs: it is kept until it was sent, sent once, and sent as it was written.
import type { Page } from '@playwright/test';
import type { Stage } from './api.ts';
import { expect, test } from './world.ts';

type Server = { url: string };

/** Begins a conversation with the agent of the trials, and gives where one writes. */
async function talk(page: Page, server: Server, set: Stage) {
  await page.goto(`${server.url}/sets/${set.dataSetId}/conversations`);
  await page.getByRole('button', { name: /^Trials/ }).click();
  await expect(page.getByText('Say something to Trials')).toBeVisible();
  return page.getByRole('textbox', { name: 'Message' });
}

/** Holds the answers to an operation until they are let go. */
async function holding(page: Page, operation: string): Promise<() => void> {
  let letGo = () => {};
  const road = new Promise<void>((resolve) => (letGo = resolve));
  await page.route('**/graphql', async (route) => {
    if (!route.request().postData()?.includes(`"operationName":"${operation}"`)) return route.fallback();
    const answer = await route.fetch();
    await road;
    return route.fulfill({ response: answer });
  });
  return letGo;
}

test('what is written while a message is on its way is the next message', async ({ page, server, set }) => {
  const message = await talk(page, server, set);
  const arrive = await holding(page, 'SendMessage');
  await message.fill('first');
  await message.press('Enter');
  await message.pressSequentially('second');
  const files = page.getByLabel('Files', { exact: true });
  await files.setInputFiles({ name: 'meanwhile.csv', mimeType: 'text/csv', buffer: Buffer.from('sku\n1\n') });
  await expect(page.getByRole('list', { name: 'Chosen files' })).toContainText('6 B');
  arrive();
  await expect(page.getByText('You said: first')).toBeVisible();
  await expect(message).toHaveValue('second');
  await expect(page.getByRole('list', { name: 'Chosen files' })).toContainText('meanwhile.csv');
  await message.press('Enter');
  await expect(page.getByText('You said: second')).toBeVisible();
  await expect(page.getByText('You said: first')).toHaveCount(1);
});

test('a message that was not taken is there again, before what was written meanwhile', async ({ page, server, set, complaints }) => {
  complaints.expect(/Failed to load resource/);
  const message = await talk(page, server, set);
  let letGo = () => {};
  const road = new Promise<void>((resolve) => (letGo = resolve));
  let isDown = true;
  await page.route('**/graphql', async (route) => {
    if (!isDown || !route.request().postData()?.includes('"operationName":"SendMessage"')) return route.fallback();
    await road;
    return route.abort();
  });
  await message.fill('first');
  await message.press('Enter');
  await expect(page.getByText('Sending: first')).toBeVisible();
  await message.pressSequentially('second');
  letGo();
  await expect(page.getByRole('alert')).toContainText('The server cannot be reached');
  await expect(message).toHaveValue('first\nsecond');
  isDown = false;
  await message.press('Enter');
  await expect(page.getByText('You said: first')).toBeVisible();
});

test('a number that would be sent as another is refused where it is written', async ({ page, server, demo, ownSet }) => {
  await page.goto(`${server.url}/sets/${ownSet.dataSetId}/launch?agent=${ownSet.agents.trials}&type=noop`);
  const launchButton = page.getByRole('button', { name: 'Launch', exact: true });
  await page.getByRole('spinbutton', { name: 'rounds' }).fill('9007199254740993');
  await expect(page.getByText('it would be sent as 9007199254740992')).toBeVisible();
  await page.getByRole('tab', { name: 'JSON' }).click();
  const json = page.getByRole('textbox', { name: 'Input as JSON' });
  await expect(json).toHaveValue(/"rounds": "9007199254740993"/);
  await json.fill('{\n  "order": 9007199254740993\n}');
  await expect(page.getByText('Line 2: 9007199254740993 has more digits than a number keeps')).toBeVisible();
  await expect(launchButton).toBeDisabled();
  await json.fill('{"big": 1e400}');
  await expect(page.getByText('Line 1: 1e400 is larger than any number that can be sent')).toBeVisible();
  await expect(launchButton).toBeDisabled();
  await json.fill('{"rounds": 2.50e1}');
  await page.getByRole('tab', { name: 'Form' }).click();
  await expect(page.getByRole('spinbutton', { name: 'rounds' })).toHaveValue('25');
  await launchButton.click();
  await expect(page).toHaveURL(/\/executions\/exe_/);
  const { executions } = await demo('query($filter: ExecutionFilter) { executions(filter: $filter) { nodes { input } } }', {
    filter: { dataSetIds: [ownSet.dataSetId] },
  });
  expect(executions.nodes).toEqual([{ input: { rounds: 25 } }]);
});
