// Every page, in light and dark: no violation that axe knows of, nothing that runs over at 360 px, and a picture of each
// at three widths. To add a page: a line in `PAGES`.
import type { Page } from '@playwright/test';
import { type Api, ended, launch, type Stage, upload } from './api.ts';
import { expect, expectAccessible, shoot, test } from './world.ts';

interface Made {
  finished: { id: string; conversationId: string };
  /** With what is long: a document's content, and arguments that fill more than a line. */
  long: { id: string; conversationId: string };
  failed: { id: string; conversationId: string };
  chat: string;
}

/** Where a page is, and what stands there when it is whole. */
const PAGES: Record<string, { path: (set: Stage, made: Made, demo: Api) => string | Promise<string>; ready: (page: Page) => Promise<void> }> = {
  history: {
    path: (set) => `/sets/${set.dataSetId}/executions`,
    ready: (page) => expect(page.getByRole('table').getByText('Ledger').first()).toBeVisible(),
  },
  'history-empty': {
    path: (set) => `/sets/${set.dataSetId}/executions?label=nobody-has-this`,
    ready: (page) => expect(page.getByText('No execution matches')).toBeVisible(),
  },
  launch: {
    path: (set) => `/sets/${set.dataSetId}/launch?agent=${set.agents['catalog-enrichment']}`,
    ready: (page) => expect(page.getByText('Choose files')).toBeVisible(),
  },
  'detail-finished': {
    path: (set, { finished }) => `/sets/${set.dataSetId}/executions/${finished.id}`,
    ready: (page) => expect(page.locator('[data-status=FINISHED]').first()).toBeVisible(),
  },
  'detail-failed': {
    path: (set, { failed }) => `/sets/${set.dataSetId}/executions/${failed.id}`,
    ready: (page) => expect(page.locator('[data-status=FAILED]').first()).toBeVisible(),
  },
  'detail-running': {
    // One of its own: it runs for minutes, and the pages before may take longer.
    path: async (set, _, demo) => {
      const { id } = await launch(demo, { agentId: set.agents.trials!, executionKey: 'slow' });
      return `/sets/${set.dataSetId}/executions/${id}`;
    },
    ready: (page) => expect(page.locator('[data-status=IN_PROGRESS]').first()).toBeVisible(),
  },
  'conversation-finished': {
    path: (set, { finished }) => `/sets/${set.dataSetId}/conversations/${finished.conversationId}`,
    ready: (page) => expect(page.getByText('search_records').first()).toBeVisible(),
  },
  'conversation-long': {
    path: (set, { long }) => `/sets/${set.dataSetId}/conversations/${long.conversationId}`,
    ready: async (page) => {
      const call = page.locator('summary').filter({ hasText: 'upsert_records' }).first();
      await call.click();
      await expect(page.getByRole('group', { name: 'result of upsert_records', exact: true })).toBeVisible();
    },
  },
  'conversation-failed': {
    path: (set, { failed }) => `/sets/${set.dataSetId}/conversations/${failed.conversationId}`,
    ready: (page) => expect(page.getByText('refused attempt 1')).toBeVisible(),
  },
  conversations: {
    path: (set) => `/sets/${set.dataSetId}/conversations`,
    ready: (page) => expect(page.getByRole('button', { name: /Order intake/ })).toBeVisible(),
  },
  chat: {
    path: (set, { chat }) => `/sets/${set.dataSetId}/conversations/${chat}`,
    ready: (page) => expect(page.getByText('MUG-001 has these fields')).toBeVisible(),
  },
  agents: {
    path: (set) => `/sets/${set.dataSetId}/agents`,
    ready: (page) => expect(page.getByRole('link', { name: 'Trials', exact: true })).toBeVisible(),
  },
  agent: {
    path: (set) => `/sets/${set.dataSetId}/agents/${set.agents['catalog-enrichment']}`,
    ready: (page) => expect(page.getByRole('heading', { name: 'Execution types' })).toBeVisible(),
  },
  records: {
    path: (set) => `/sets/${set.dataSetId}/records?collection=products`,
    ready: (page) => expect(page.getByRole('button', { name: 'MUG-001' })).toBeVisible(),
  },
  overview: {
    path: (set) => `/sets/${set.dataSetId}/overview?range=1h`,
    ready: async (page) => {
      await expect(page.getByRole('region', { name: 'Executions by outcome' }).locator('svg rect').first()).toBeVisible();
      await expect(page.getByRole('list', { name: 'Failures by code' })).toContainText('Retries exhausted');
    },
  },
  settings: {
    path: (set) => `/sets/${set.dataSetId}/settings`,
    ready: (page) => expect(page.getByRole('table')).toBeVisible(),
  },
  members: {
    path: (set) => `/sets/${set.dataSetId}/settings?tab=members`,
    ready: (page) => expect(page.getByRole('table')).toBeVisible(),
  },
  missing: {
    path: (set) => `/sets/${set.dataSetId}/executions/exe_00000000000000000000000000000000`,
    ready: (page) => expect(page.getByText('There is no such execution')).toBeVisible(),
  },
  graphiql: {
    path: () => '/graphiql',
    ready: (page) => expect(page.locator('.view-lines').first()).toContainText('query Newest'),
  },
};

let made: Made;

test.beforeAll(async ({ server, demo, demoToken, set }) => {
  const trials = set.agents.trials!;
  const start = (executionKey: string, labels: string[]) =>
    launch(demo, { agentId: trials, executionKey, input: { rounds: 3 }, labels });
  const [finished, failed] = await Promise.all([
    start('ledger', ['nightly']),
    start('stubborn', ['nightly', 'eu']),
  ]);
  await Promise.all([finished, failed].map((one) => ended(server, demoToken, one.id)));
  const { startConversation } = await demo(
    `mutation($id: ID!) {
      startConversation(input: { agentId: $id, title: "About mugs" }) { conversation { id } errors { ... on UserError { message } } }
    }`,
    { id: set.agents['catalog-enrichment'] },
  );
  const chat: string = startConversation.conversation.id;
  await demo(
    `mutation($id: ID!) {
      sendMessage(input: { conversationId: $id, text: "What is known about MUG-001?" }) {
        message { id } errors { ... on UserError { message } }
      }
    }`,
    { id: chat },
  );
  const { uploadFile } = await upload(server, demoToken, set.agents['catalog-enrichment']!);
  const long = await launch(demo, {
    agentId: set.agents['catalog-enrichment']!,
    executionKey: 'catalog-enrichment',
    input: { additional_instructions: 'an-instruction-that-nobody-can-break-'.repeat(12) },
    fileIds: [uploadFile.file.id],
  });
  await ended(server, demoToken, long.id);
  made = { finished, failed, long, chat };
});

for (const [name, { path, ready }] of Object.entries(PAGES)) {
  for (const theme of ['light', 'dark'] as const) {
    test(`${name} is for everyone, in ${theme}`, async ({ page, server, set, demo }) => {
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
      await page.goto(server.url + (await path(set, made, demo)));
      await ready(page);
      await shoot(page, `${name}-1280-${theme}`);
      await expectAccessible(page);
      if (theme === 'light') {
        await page.setViewportSize({ width: 2560, height: 1200 });
        await shoot(page, `${name}-2560-${theme}`);
      }
      await page.setViewportSize({ width: 360, height: 740 });
      await shoot(page, `${name}-360-${theme}`);
      await expectAccessible(page);
    });
  }
}

test('signing in is for everyone', async ({ browser, server }) => {
  for (const colorScheme of ['light', 'dark'] as const) {
    const context = await browser.newContext({ colorScheme });
    const page = await context.newPage();
    await page.goto(`${server.url}/sign-in`);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    await shoot(page, `sign-in-1280-${colorScheme}`);
    await expectAccessible(page);
    await page.setViewportSize({ width: 360, height: 740 });
    await shoot(page, `sign-in-360-${colorScheme}`);
    await expectAccessible(page);
    await context.close();
  }
});
