// Talking to an agent: what is said, what it does on the way, files, and stopping it.
import { launch } from './api.ts';
import { expect, shoot, test } from './world.ts';

test('a conversation begins, is answered live, and stays in the list', async ({ page, server, set }) => {
  await page.goto(`${server.url}/sets/${set.dataSetId}/conversations`);
  await page.getByRole('button', { name: /^Catalog enrichment/ }).click();
  await expect(page.getByText('Say something to Catalog enrichment')).toBeVisible();
  const message = page.getByRole('textbox', { name: 'Message' });
  await message.fill('What is known about MUG-002?');
  await message.press('Enter');
  await expect(message).toHaveValue('');
  await expect(page.getByText('MUG-002 has these fields')).toBeVisible();
  const call = page.locator('summary').filter({ hasText: 'search_records' });
  await call.click();
  await expect(page.getByRole('group', { name: 'result of search_records', exact: true })).toContainText('Stoneware mug, sand');
  await shoot(page, 'talk-answered');
  const conversationId = new URL(page.url()).pathname.split('/').at(-1);
  await page.getByRole('link', { name: 'Back to the conversations' }).click();
  const links = page.getByRole('list', { name: 'Conversations' }).getByRole('link');
  await expect(links.and(page.locator(`[href*="${conversationId}"]`))).toHaveCount(1);
});

test('a file goes with a message, and one that is not taken says why', async ({ page, server, set }) => {
  await page.goto(`${server.url}/sets/${set.dataSetId}/conversations`);
  await page.getByRole('button', { name: /^Catalog enrichment/ }).click();
  const files = page.getByLabel('Files', { exact: true });
  await files.setInputFiles({ name: 'program.exe', mimeType: 'application/octet-stream', buffer: Buffer.from('no document') });
  await expect(page.getByRole('alert')).toContainText(/Only .*\.csv.* files are taken here\./);
  await page.getByRole('button', { name: 'Remove program.exe' }).click();
  await files.setInputFiles({ name: 'sheet.csv', mimeType: 'text/csv', buffer: Buffer.from('sku,color\nMUG-001,blue\n') });
  await page.getByRole('textbox', { name: 'Message' }).fill('Which files are here?');
  await page.getByRole('button', { name: 'Send' }).click();
  await expect(page.getByRole('link', { name: /sheet\.csv/ })).toBeVisible();
  await expect(page.getByText('sheet.csv (text/csv, 23 bytes)')).toBeVisible();
});

test('an answer is stopped', async ({ page, server, demo, set }) => {
  await page.goto(`${server.url}/sets/${set.dataSetId}/conversations`);
  await page.getByRole('button', { name: /^Trials/ }).click();
  const message = page.getByRole('textbox', { name: 'Message' });
  await message.fill('please wait');
  await message.press('Enter');
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(page.getByText('Answer stopped')).toBeVisible();
  // At the server too, minutes before it would have been there.
  const conversationId = new URL(page.url()).pathname.split('/').at(-1);
  const activity = async () =>
    (await demo('query($id: ID!) { conversation(id: $id) { activity } }', { id: conversationId })).conversation.activity;
  await expect.poll(activity).toBe('IDLE');
  await message.fill('and now?');
  await message.press('Enter');
  await expect(page.getByText('You said: and now?')).toBeVisible();
  await expect(page.getByText('I waited.')).toHaveCount(0);
});

test("an execution's conversation belongs to the history, by whatever address it was opened", async ({ page, server, demo, set }) => {
  const current = page.getByRole('navigation', { name: 'Pages' }).locator('[aria-current=page]');
  const { id, conversationId } = await launch(demo, { agentId: set.agents.trials!, executionKey: 'noop' });
  const own = `${server.url}/sets/${set.dataSetId}/executions/${id}/conversations/${conversationId}`;
  await page.goto(`${server.url}/sets/${set.dataSetId}/executions/${id}`);
  await page.getByRole('main').getByRole('link', { name: 'Conversation', exact: true }).click();
  await expect(page).toHaveURL(own);
  await expect(page.getByRole('link', { name: 'Back to the execution' })).toBeVisible();
  await expect(current).toHaveText('History');

  await page.goto(`${server.url}/sets/${set.dataSetId}/conversations/${conversationId}`);
  await expect(page).toHaveURL(own);
  await expect(current).toHaveText('History');

  // A person's does not, and no address makes it so.
  await page.goto(`${server.url}/sets/${set.dataSetId}/conversations`);
  await page.getByRole('button', { name: /^Trials/ }).click();
  await expect(page).toHaveURL(/\/conversations\/con_/);
  await expect(current).toHaveText('Conversations');
  const persons = page.url();
  await page.goto(persons.replace('/conversations/', `/executions/${id}/conversations/`));
  await expect(page).toHaveURL(persons);
});
