// Streams that break: a proxy that knows no WebSocket or lets it hang, one that keeps events to itself as well, a
// connection that is cut.
import type { Page } from '@playwright/test';
import { api, ended, launch, type Stage, stage } from './api.ts';
import { type Proxy, startProxy } from './proxy.ts';
import { type Server, startServer } from './server.ts';
import { connection, expect, live, requestsOf, signIn, test as base } from './world.ts';

interface Behind {
  between: Proxy;
  behind: Server;
}

const test = base.extend<Behind>({
  between: async ({}, use) => {
    const proxy = await startProxy();
    await use(proxy);
    await proxy.stop();
  },
  behind: async ({ between: proxy, context, complaints }, use) => {
    // Browsers write each failed request and each refused socket into the console.
    complaints.expect(/WebSocket connection to|Failed to load resource|net::ERR_/);
    const server = await startServer({ publicUrl: proxy.url });
    proxy.target = server.listens;
    await signIn(context, server, server.token('demo'));
    await use(server);
    await server.stop();
  },
});

test('without WebSockets the page says that it falls back, and misses nothing', async ({ context, between: proxy, behind }) => {
  proxy.refuseWebSocket = true;
  const set = await stage(api({ url: behind.listens }, behind.token('demo')));
  const page = await context.newPage();
  await page.goto(`${proxy.url}/sets/${set.dataSetId}/executions`);
  await expect(connection(page, 'sse')).toBeVisible();
  expect(proxy.upgrades).toBeGreaterThan(0);
  await missesNothing(page, behind, set, 'fallback');
  expect(proxy.eventStreams).toBeGreaterThan(0);
});

test('a proxy that never answers a WebSocket costs seconds, not minutes', async ({ context, between: proxy, behind }) => {
  proxy.hangWebSocket = true;
  const set = await stage(api({ url: behind.listens }, behind.token('demo')));
  const page = await context.newPage();
  await page.goto(`${proxy.url}/sets/${set.dataSetId}/executions`);
  await expect(page.getByText('Nothing has run here yet')).toBeVisible();
  const began = Date.now();
  await expect(connection(page, 'sse')).toBeVisible();
  // Ours are five, and the browser's own patience is minutes; after 45 the page would look for a better way.
  expect(Date.now() - began).toBeLessThan(40_000);
  // One that hung is not tried again: it would hang as long.
  expect(proxy.upgrades).toBe(1);
  await missesNothing(page, behind, set, 'hung');
});

for (const [how, events] of [
  ['refused', 'refuseEvents'],
  ['held back', 'holdEvents'],
] as const) {
  test(`without WebSockets, and with events ${how}, the page asks by cursor, says so, and goes back`, async ({ context, between: proxy, behind }) => {
    proxy.refuseWebSocket = true;
    proxy[events] = true;
    const demo = api({ url: behind.listens }, behind.token('demo'));
    const set = await stage(demo);
    const history = await context.newPage();
    await history.goto(`${proxy.url}/sets/${set.dataSetId}/executions`);
    await expect(connection(history, 'polling')).toContainText('Delayed');
    await missesNothing(history, behind, set, 'asked');

    // A log that is asked for has every entry, once, in order.
    const ledger = await launch(demo, { agentId: set.agents.trials!, executionKey: 'ledger', input: { rounds: 3 } });
    const conversation = await context.newPage();
    await conversation.goto(`${proxy.url}/sets/${set.dataSetId}/conversations/${ledger.conversationId}`);
    await expect(conversation.locator('[data-status=FINISHED]').first()).toBeVisible();
    const { conversation: stored } = await demo(
      'query($id: ID!) { conversation(id: $id) { messages(first: 100) { nodes { id role } } } }',
      { id: ledger.conversationId },
    );
    const turns = stored.messages.nodes.flatMap(({ id, role }: { id: string; role: string }) => (role === 'ASSISTANT' ? [id] : []));
    expect(turns.length).toBeGreaterThan(3);
    const shown = conversation.locator('[data-message]');
    await expect(shown).toHaveCount(turns.length);
    expect(await shown.evaluateAll((all) => all.map((one) => one.getAttribute('data-message')))).toEqual(turns);
    await conversation.close();

    const { id } = await launch(demo, { agentId: set.agents.trials!, executionKey: 'slow', labels: ['long'] });
    const detail = await context.newPage();
    await detail.goto(`${proxy.url}/sets/${set.dataSetId}/executions/${id}`);
    await expect(detail.getByText('this page is a few seconds behind')).toBeVisible();

    // The block is lifted: whoever asks for it is live at once, and nobody polls any more.
    proxy.refuseWebSocket = false;
    proxy[events] = false;
    for (const page of [history, detail]) {
      const better = page.getByRole('button', { name: 'Try a better connection now' });
      const isLive = connection(page, 'live');
      await expect(better.or(isLive)).toBeVisible();
      // It may have found out by itself in this moment, and then the button is gone.
      await better.click({ timeout: 10_000 }).catch(() => expect(isLive).toBeVisible());
      await live(page);
    }
    await expect(detail.getByText('this page is a few seconds behind')).toHaveCount(0);
    await history.waitForLoadState('networkidle');
    const asked = [history, detail].map(requestsOf);
    await demo(
      `mutation($id: ID!) {
        cancelExecution(input: { id: $id, reason: "Seen enough" }) { execution { id } errors { ... on UserError { message } } }
      }`,
      { id },
    );
    await expect(history.getByRole('row').filter({ hasText: 'long' })).toContainText('Canceled');
    await expect(detail.getByRole('region', { name: 'Canceled' })).toContainText('Seen enough');
    expect(asked.flat().filter(({ what }) => what.includes('Twin'))).toEqual([]);
  });
}

test('a conversation whose connection is cut again and again has every event once', async ({ context, between: proxy, behind }) => {
  const demo = api({ url: behind.listens }, behind.token('demo'));
  const set = await stage(demo);
  const { startConversation } = await demo(
    'mutation($id: ID!) { startConversation(input: { agentId: $id }) { conversation { id } errors { ... on UserError { message } } } }',
    { id: set.agents.trials },
  );
  const { id } = startConversation.conversation;
  const page = await context.newPage();
  await page.goto(`${proxy.url}/sets/${set.dataSetId}/conversations/${id}`);
  const words = ['one', 'two', 'three', 'four'];
  await live(page);
  for (const word of words) {
    // By whichever way: after some cuts it may be a worse one.
    await expect(page.locator('[data-connection=live], [data-connection=sse], [data-connection=polling]').filter({ visible: true })).toHaveCount(1);
    // Said and answered while nothing comes through.
    proxy.isDown = true;
    proxy.cut();
    await demo(
      `mutation($input: SendMessageInput!) { sendMessage(input: $input) { message { id } errors { ... on UserError { message } } } }`,
      { input: { conversationId: id, text: word } },
    );
    await expect
      .poll(async () => (await demo('query($id: ID!) { conversation(id: $id) { activity } }', { id })).conversation.activity)
      .toBe('IDLE');
    await isBack(proxy, page);
    await expect(page.getByText(`You said: ${word}`)).toBeVisible({ timeout: 90_000 });
  }
  for (const word of words) await expect(page.getByText(`You said: ${word}`)).toHaveCount(1);
});

test('a page whose server restarts says so, and catches up', async ({ context, between: proxy, behind }) => {
  const demo = api({ url: behind.listens }, behind.token('demo'));
  const set = await stage(demo);
  const page = await context.newPage();
  await page.goto(`${proxy.url}/sets/${set.dataSetId}/executions`);
  await live(page);
  proxy.isDown = true;
  proxy.cut();
  await expect(connection(page, 'reconnecting')).toBeVisible();
  const { id } = await launch(demo, { agentId: set.agents.trials!, executionKey: 'noop', labels: ['missed-nothing'] });
  await ended({ url: behind.listens }, behind.token('demo'), id);
  await behind.restart();
  await isBack(proxy, page);
  await live(page);
  const row = page.getByRole('row').filter({ hasText: 'missed-nothing' });
  await expect(row.locator('[data-status=FINISHED]')).toBeVisible();
});

/** The network is back, and the browser says so: nobody waits until the next attempt is due. */
async function isBack(proxy: Proxy, page: Page): Promise<void> {
  proxy.isDown = false;
  await page.evaluate(() => dispatchEvent(new Event('online')));
}

/** Launches a dozen, and finds each of them finished on the page. */
async function missesNothing(page: Page, behind: Server, set: Stage, word: string): Promise<void> {
  const token = behind.token('demo');
  const demo = api({ url: behind.listens }, token);
  const many = await Promise.all(
    Array.from({ length: 12 }, (_, number) =>
      launch(demo, { agentId: set.agents.trials!, executionKey: 'noop', labels: [`${word}-${number}`] }),
    ),
  );
  await Promise.all(many.map(({ id }) => ended({ url: behind.listens }, token, id)));
  for (let number = 0; number < many.length; number += 1) {
    const row = page.getByRole('row').filter({ has: page.getByText(`${word}-${number}`, { exact: true }) });
    await expect(row.locator('[data-status=FINISHED]')).toBeVisible();
  }
}
