// Streams that break: a proxy that knows no WebSocket, one that keeps events to itself, a connection that is cut.
import { api, ended, launch, stage } from './api.ts';
import { type Proxy, startProxy } from './proxy.ts';
import { type Server, startServer } from './server.ts';
import { expect, signIn, test as base } from './world.ts';

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
  const token = behind.token('demo');
  const demo = api({ url: behind.listens }, token);
  const set = await stage(demo);
  const page = await context.newPage();
  await page.goto(`${proxy.url}/sets/${set.dataSetId}/executions`);
  await expect(page.locator('[data-connection=sse]')).toBeVisible();
  expect(proxy.upgrades).toBeGreaterThan(0);
  const many = await Promise.all(
    Array.from({ length: 12 }, (_, number) =>
      launch(demo, { agentId: set.agents.trials!, executionKey: 'noop', labels: [`fallback-${number}`] }),
    ),
  );
  await Promise.all(many.map(({ id }) => ended({ url: behind.listens }, token, id)));
  for (let number = 0; number < many.length; number += 1) {
    const row = page.getByRole('row').filter({ has: page.getByText(`fallback-${number}`, { exact: true }) });
    await expect(row.locator('[data-status=FINISHED]')).toBeVisible();
  }
  expect(proxy.eventStreams).toBeGreaterThan(0);
});

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
  for (const word of words) {
    await expect(page.locator('[data-connection=live]')).toBeVisible({ timeout: 30_000 });
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
    proxy.isDown = false;
    await expect(page.getByText(`You said: ${word}`)).toBeVisible({ timeout: 30_000 });
  }
  for (const word of words) await expect(page.getByText(`You said: ${word}`)).toHaveCount(1);
});

test('a page whose server restarts says so, and catches up', async ({ context, between: proxy, behind }) => {
  const demo = api({ url: behind.listens }, behind.token('demo'));
  const set = await stage(demo);
  const page = await context.newPage();
  await page.goto(`${proxy.url}/sets/${set.dataSetId}/executions`);
  await expect(page.locator('[data-connection=live]')).toBeVisible();
  proxy.isDown = true;
  proxy.cut();
  await expect(page.locator('[data-connection=reconnecting]')).toBeVisible();
  const { id } = await launch(demo, { agentId: set.agents.trials!, executionKey: 'noop', labels: ['missed-nothing'] });
  await ended({ url: behind.listens }, behind.token('demo'), id);
  await behind.restart();
  proxy.isDown = false;
  await expect(page.locator('[data-connection=live]')).toBeVisible({ timeout: 40_000 });
  const row = page.getByRole('row').filter({ hasText: 'missed-nothing' });
  await expect(row.locator('[data-status=FINISHED]')).toBeVisible();
});
