// The whole story, as somebody lives it who has just started the server for the first time: by the keyboard and the
// mouse, on the pages, in one browser.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from '@playwright/test';
import { type Server, startServer } from './server.ts';
import { Complaints, expect, requestsOf, shoot, test as base } from './world.ts';

const sheet = resolve(
  fileURLToPath(new URL('../../../definitions/catalog-enrichment/executions/catalog-enrichment/samples/data-sheet.csv', import.meta.url)),
);

const test = base.extend<{ fresh: Server }>({
  fresh: async ({}, use) => {
    const server = await startServer({ terminal: true });
    await use(server);
    await server.stop();
  },
});

test('from the first start to the playground', async ({ context, fresh }) => {
  // Ten steps: half a minute on two idle cores, and ten times as long on cores that many use.
  test.setTimeout(1_800_000);
  const complaints = new Complaints(context);
  const page = await context.newPage();

  await test.step('sign in by the link that the terminal shows', async () => {
    await page.goto(fresh.link ?? '');
    await expect(page.getByRole('heading', { name: 'History' })).toBeVisible();
    // The secret does not stay in the address.
    expect(new URL(page.url()).hash).toBe('');
    await expect(page.getByText('Nothing has run here yet')).toBeVisible();
    await shoot(page, 'story-1-empty');
  });
  const history = page.url();

  await test.step('launch, with a mistake first', async () => {
    await page.getByRole('link', { name: 'Launch', exact: true }).first().click();
    await choose(page, /Catalog enrichment/);
    await drop(page, sheet, 'data-sheet.csv', 'text/csv');
    await expect(page.getByRole('list', { name: 'Chosen files' })).toContainText('data-sheet.csv');
    await page.getByRole('button', { name: 'Add SKU' }).click();
    await page.getByRole('button', { name: 'Launch', exact: true }).click();
    const item = page.locator('[aria-invalid=true]').first();
    await expect(item).toBeFocused();
    await expect(page.getByText('One thing in the input has to be put right')).toBeVisible();
    await shoot(page, 'story-2-mistake');
    await item.fill('MUG-001');
    // The file stayed.
    await expect(page.getByRole('list', { name: 'Chosen files' })).toContainText('data-sheet.csv');
    await page.getByRole('button', { name: 'Launch', exact: true }).click();
    await expect(page).toHaveURL(/\/executions\/exe_[0-9a-f]+$/);
  });
  const finished = page.url();

  await test.step('watch it finish, without a reload and without polling', async () => {
    await expect(page.getByRole('heading', { level: 1 })).toContainText('Catalog enrichment');
    // All is read, and the stream is there, or was not needed any more.
    await expect(page.getByRole('list', { name: 'Steps, oldest first' }).getByRole('listitem').first()).toBeVisible();
    await expect(page.locator('[data-connection=live], [data-connection=idle]').filter({ visible: true })).toHaveCount(1);
    const requests = requestsOf(page);
    let loads = 0;
    page.on('load', () => (loads += 1));
    await expect(page.getByRole('heading', { level: 1 }).locator('[data-status=FINISHED]')).toBeVisible();
    await expect(page.getByRole('region', { name: 'Result', exact: true })).toBeVisible();
    expect(requests.filter(({ what }) => what.includes('/graphql') || what.includes('WebSocket'))).toEqual([]);
    expect(loads).toBe(0);
    await shoot(page, 'story-3-finished');
  });

  await test.step('read the conversation, in which nobody can write', async () => {
    await page.getByRole('link', { name: 'Conversation', exact: true }).click();
    const calls = page.locator('summary').filter({ hasText: 'upsert_records' });
    await expect(calls.first()).toBeVisible();
    await calls.first().click();
    await expect(page.getByRole('group', { name: 'result of upsert_records', exact: true })).toContainText('MUG-001');
    const message = page.getByRole('textbox', { name: 'Message' });
    await expect(message).toBeDisabled();
    await expect(message).toHaveAttribute('placeholder', 'This conversation is read-only.');
    await expect(page.getByRole('button', { name: 'Send' })).toBeDisabled();
    await shoot(page, 'story-4-conversation');
    await page.getByRole('link', { name: 'Conversations' }).click();
    await expect(page.getByText('No conversations yet')).toBeVisible();
  });

  await test.step('cancel a long one', async () => {
    await page.getByRole('link', { name: 'Launch', exact: true }).first().click();
    await choose(page, /Trials/);
    await choose(page, /Slow/);
    await page.getByRole('button', { name: 'Launch', exact: true }).click();
    await expect(page).toHaveURL(/\/executions\/exe_/);
    await expect(page.getByRole('heading', { level: 1 }).locator('[data-status=IN_PROGRESS]')).toBeVisible();
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await page.getByRole('textbox', { name: 'Reason' }).fill('Takes too long');
    await page.getByRole('button', { name: 'Cancel execution' }).click();
    await expect(page.getByRole('heading', { level: 1 })).toContainText('Canceled');
    await expect(page.getByRole('region', { name: 'Canceled' })).toContainText('Takes too long');
    await shoot(page, 'story-5-canceled');
  });
  const canceled = page.url();

  await test.step('retry it', async () => {
    await page.getByRole('button', { name: 'Retry', exact: true }).click();
    await expect(page).not.toHaveURL(canceled);
    await expect(page.getByRole('heading', { level: 1 }).locator('[data-status=IN_PROGRESS]')).toBeVisible();
    await expect(page.getByRole('region', { name: 'Retries' })).toContainText('A retry of');
  });
  const retried = page.url().split('/').at(-1) ?? '';

  await test.step('filter, and find the same list under the same address', async () => {
    await page.goto(history);
    await page.getByRole('group', { name: 'Status' }).getByRole('button', { name: /Failed/ }).click();
    await expect(page).toHaveURL(/status=failed/);
    const rows = page.getByRole('table').getByRole('row').filter({ has: page.locator('[data-status]') });
    await expect(rows).toHaveCount(1);
    const shown = await rows.allInnerTexts();
    await shoot(page, 'story-6-filtered');
    const other = await context.newPage();
    await other.goto(page.url());
    const again = other.getByRole('table').getByRole('row').filter({ has: other.locator('[data-status]') });
    await expect(again).toHaveCount(1);
    expect((await again.allInnerTexts()).map(withoutTimes)).toEqual(shown.map(withoutTimes));
    await other.close();
    await page.goBack();
    await expect(rows).toHaveCount(3);
  });

  await test.step('ask GraphiQL for it', async () => {
    const query = `query It($id: ID!) { execution(id: $id) { id status retryOf { failure { category } } } }`;
    await page.goto(
      `${fresh.url}/graphiql?${new URLSearchParams({ query, variables: JSON.stringify({ id: retried }) })}`,
    );
    await expect(page.locator('.view-lines').first()).toContainText('retryOf');
    await page.getByRole('button', { name: /Execute query/ }).click();
    const answer = page.locator('.graphiql-response');
    await expect(answer).toContainText(retried);
    await expect(answer).toContainText('"CANCELED"');
    await shoot(page, 'story-7-graphiql');
  });

  await test.step('and watch it there, over graphql-ws', async () => {
    const query = `subscription Watch { executionStatus(id: "${retried}") { status execution { executionKey } } }`;
    await page.goto(`${fresh.url}/graphiql?${new URLSearchParams({ query })}`);
    await expect(page.locator('.view-lines').first()).toContainText('executionStatus');
    const socket = page.waitForEvent('websocket');
    await page.getByRole('button', { name: /Execute query/ }).click();
    expect(new URL((await socket).url()).pathname).toBe('/graphql');
    await expect(page.locator('.graphiql-response')).toContainText('"IN_PROGRESS"');
  });

  await test.step('sign out', async () => {
    await page.goto(finished);
    await page.getByRole('button', { name: /^Signed in as/ }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await expect(page).toHaveURL(/\/sign-in/);
    await page.goto(finished);
    // Whoever comes back is asked to sign in, and knows where to go on.
    await expect(page).toHaveURL(/\/sign-in\?next=/);
    complaints.expect(/401/);
  });
  complaints.check();
});

/** "just now" is "1 min. ago" a moment later. */
const withoutTimes = (row: string) => row.replace(/just now|\d+ (min|sec)\.? ago/g, '');

/** What is chosen stands in the address, and is drawn from there. */
async function choose(page: Page, name: RegExp): Promise<void> {
  const card = page.getByRole('radio', { name }).first();
  await card.click();
  await expect(card).toBeChecked();
}

/** Drops a file onto the zone, as a mouse does. */
async function drop(page: Page, path: string, name: string, type: string): Promise<void> {
  const bytes = readFileSync(path).toString('base64');
  const files = await page.evaluateHandle(
    ({ bytes, name, type }) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([Uint8Array.from(atob(bytes), (one) => one.charCodeAt(0))], name, { type }));
      return transfer;
    },
    { bytes, name, type },
  );
  await page.getByText('or drop them here').dispatchEvent('drop', { dataTransfer: files });
}
