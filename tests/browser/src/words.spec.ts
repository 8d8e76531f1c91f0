// Answers while they are written: a model that streams, and a person who watches the words come.
import type { Page } from '@playwright/test';
import { api, stage } from './api.ts';
import { type Answer, type Provider, startProvider } from './provider.ts';
import { type Server, startServer } from './server.ts';
import { expect, expectAccessible, live, requestsOf, shoot, signIn, test as base } from './world.ts';

interface Written {
  provider: Provider;
  writing: Server;
  /** A conversation with an agent that runs on the provider's model. */
  talk: { page: Page; conversationId: string };
}

const test = base.extend<Written>({
  provider: async ({}, use) => {
    const provider = await startProvider();
    await use(provider);
    await provider.stop();
  },
  writing: async ({ provider }, use) => {
    const server = await startServer({ models: provider.declaration('word-by-word') });
    await use(server);
    await server.stop();
  },
  talk: async ({ writing, context, complaints }, use) => {
    void complaints;
    const token = writing.token('demo');
    const set = await stage(api(writing, token));
    const admin = api(writing, writing.adminToken);
    await admin(
      `mutation($id: ID!) {
        updateAgent(input: { id: $id, configuration: { model: "word-by-word" } }) { agent { id } errors { ... on UserError { message } } }
      }`,
      { id: set.agents.trials },
    );
    const { startConversation } = await api(writing, token)(
      'mutation($id: ID!) { startConversation(input: { agentId: $id }) { conversation { id } errors { ... on UserError { message } } } }',
      { id: set.agents.trials },
    );
    await signIn(context, writing, token);
    const page = await context.newPage();
    const conversationId = startConversation.conversation.id;
    await page.goto(`${writing.url}/sets/${set.dataSetId}/conversations/${conversationId}`);
    // Words come over streams alone: nothing polls them.
    await live(page);
    await use({ page, conversationId });
  },
});

async function ask(page: Page, words: string, provider: Provider): Promise<Answer> {
  const message = page.getByRole('textbox', { name: 'Message' });
  await message.fill(words);
  await message.press('Enter');
  return provider.asked();
}

test('words are read as they are written, and become the message', async ({ talk: { page }, provider }) => {
  const answer = await ask(page, 'Tell me about mugs', provider);
  const draft = page.getByTestId('draft');
  answer.think('What do I know of mugs?');
  await expect(draft.getByText('Reasoning')).toBeVisible();
  answer.say('Mugs hold ');
  await expect(draft).toContainText('Mugs hold');
  const requests = requestsOf(page);
  answer.say('**coffee**');
  // Formatted as it comes, and by no request of the page's.
  await expect(draft.locator('strong')).toHaveText('coffee');
  await shoot(page, 'words-growing');
  await expectAccessible(page);
  // Long answers stay in sight at their growing end.
  for (let line = 0; line < 60; line += 1) answer.say(`\n\nLine ${line} of many.`);
  await expect(draft.getByText('Line 59 of many.')).toBeInViewport();
  await expect(page.getByRole('button', { name: 'Stop' })).toBeVisible();
  answer.say('\n\nThat is all.');
  answer.finish();
  await expect(draft).toHaveCount(0);
  await expect(page.getByText('That is all.')).toHaveCount(1);
  await expect(page.getByText('That is all.')).toBeInViewport();
  await expect(page.getByText('word-by-word', { exact: true })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Send' })).toBeVisible();
  expect(requests).toEqual([]);
});

test('whoever comes in the middle sees what was written so far', async ({ talk: { page }, provider, context }) => {
  const answer = await ask(page, 'Tell me about mugs', provider);
  answer.say('Said before, ');
  await expect(page.getByTestId('draft')).toContainText('Said before');
  const other = await context.newPage();
  await other.goto(page.url());
  await expect(other.getByTestId('draft')).toContainText('Said before,');
  answer.say('and after.');
  await expect(other.getByTestId('draft')).toContainText('Said before, and after.');
  answer.finish();
  await expect(other.getByText('Said before, and after.')).toHaveCount(1);
  await expect(other.getByTestId('draft')).toHaveCount(0);
});

test('a reader who has scrolled up keeps their place while it grows', async ({ talk: { page }, provider }) => {
  const answer = await ask(page, 'Tell me about mugs', provider);
  for (let line = 0; line < 60; line += 1) answer.say(`Line ${line} of many.\n\n`);
  await expect(page.getByText('Line 59 of many.')).toBeInViewport();
  await page.mouse.move(600, 300);
  await page.mouse.wheel(0, -100_000);
  await expect.poll(() => page.evaluate(() => window.scrollY)).toBe(0);
  answer.say('One more.');
  await expect(page.getByTestId('draft')).toContainText('One more.');
  expect(await page.evaluate(() => window.scrollY)).toBe(0);
  answer.finish();
  await expect(page.getByTestId('draft')).toHaveCount(0);
});

test('an answer is stopped in mid-word, at the provider too', async ({ talk: { page }, provider }) => {
  const answer = await ask(page, 'Tell me everything', provider);
  answer.say('Everything begins ');
  await expect(page.getByTestId('draft')).toContainText('Everything begins');
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(page.getByText('Answer stopped')).toBeVisible();
  await expect(page.getByTestId('draft')).toHaveCount(0);
  await expect.poll(() => answer.isHungUp()).toBe(true);
  const next = await ask(page, 'And now?', provider);
  next.say('Now this.');
  next.finish();
  await expect(page.getByText('Now this.')).toHaveCount(1);
});

test('what a broken answer began with is given up when the model is asked again', async ({ talk: { page }, provider }) => {
  const broken = await ask(page, 'Tell me about mugs', provider);
  broken.say('Half an ans');
  await expect(page.getByTestId('draft')).toContainText('Half an ans');
  broken.breakOff();
  const whole = await provider.asked();
  whole.say('A whole answer.');
  await expect(page.getByTestId('draft')).toContainText('A whole answer.');
  await expect(page.getByText('Half an ans')).toHaveCount(0);
  whole.finish();
  await expect(page.getByText('A whole answer.')).toHaveCount(1);
  await expect(page.getByTestId('draft')).toHaveCount(0);
});
