// What somebody types stays theirs: it is kept until it was sent, sent once, and sent as it was written.
import type { Page } from '@playwright/test';
import { ended, launch, type Stage } from './api.ts';
import { expect, expectAccessible, shoot, signIn, test } from './world.ts';

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

const FORM = (set: Stage) => `/sets/${set.dataSetId}/launch?agent=${set.agents['catalog-enrichment']}`;

test('an expired session costs nothing of what was filled in', async ({ page, context, server, demo, demoToken, set, complaints }) => {
  complaints.expect(/401/);
  await page.goto(server.url + FORM(set));
  await page.getByLabel('Additional instructions').fill('Leave the prices alone.');
  await page.locator('input[type=file]').setInputFiles({ name: 'kept.csv', mimeType: 'text/csv', buffer: Buffer.from('sku\n1\n') });
  await expect(page.getByRole('list', { name: 'Chosen files' })).toContainText('6 B');
  await page.getByText('Labels and limits').click();
  await page.getByLabel('Labels').fill('expired,');
  await page.getByLabel('Give up running after').fill('120');
  await context.clearCookies();
  await page.getByRole('button', { name: 'Launch', exact: true }).click();
  await expect(page).toHaveURL(/\/sign-in\?next=/);
  await page.getByLabel('Token').fill(demoToken);
  await page.getByLabel('Token').press('Enter');
  await expect(page.getByLabel('Additional instructions')).toHaveValue('Leave the prices alone.');
  await expect(page.getByText('What you had filled in is here again')).toBeVisible();
  await expect(page.getByRole('list', { name: 'Chosen files' })).toContainText('kept.csv');
  await shoot(page, 'launch-again-here-1280-light');
  await expectAccessible(page);
  const launched = page.waitForRequest((request) => request.postData()?.includes('"operationName":"Launch"') === true);
  await page.getByRole('button', { name: 'Launch', exact: true }).click();
  expect((await launched).postDataJSON().variables.input.maxDurationSeconds).toBe(120);
  await expect(page).toHaveURL(/\/executions\/exe_/);
  const { executions } = await demo(
    'query($filter: ExecutionFilter) { executions(filter: $filter) { nodes { input files { filename } } } }',
    { filter: { labels: ['expired'] } },
  );
  expect(executions.nodes).toEqual([
    { input: expect.objectContaining({ additional_instructions: 'Leave the prices alone.' }), files: [{ filename: 'kept.csv' }] },
  ]);
  // What was launched is no draft any more.
  await page.goto(server.url + FORM(set));
  await expect(page.getByLabel('Additional instructions')).toHaveValue('');
  await expect(page.getByText('What you had filled in is here again')).toHaveCount(0);
});

test('another card, another page and a reload keep what was filled in, and starting over does not', async ({ page, server, ownSet }) => {
  const address = `${server.url}/sets/${ownSet.dataSetId}/launch?agent=${ownSet.agents.trials}`;
  await page.goto(`${address}&type=noop`);
  const name = page.getByRole('textbox', { name: 'name' });
  await name.fill('mine');
  await page.getByText('Labels and limits').click();
  await page.getByLabel('Labels').fill('every,');
  await page.getByText('Ledger', { exact: true }).click();
  await expect(name).toHaveValue('');
  // Labels are of the launch, whatever is launched.
  await expect(page.getByText('Labels and limits')).toContainText('every');
  await page.getByText('No-op', { exact: true }).click();
  await expect(name).toHaveValue('mine');
  await page.getByRole('tab', { name: 'JSON' }).click();
  await page.getByRole('textbox', { name: 'Input as JSON' }).fill('{"name": "mi');
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'History' }).click();
  await page.goto(`${address}&type=noop`);
  await expect(page.getByRole('textbox', { name: 'Input as JSON' })).toHaveValue('{"name": "mi');
  await page.getByRole('button', { name: 'Start over' }).click();
  await expect(name).toHaveValue('');
  await expect(page.getByText('Labels and limits')).not.toContainText('every');
  await page.reload();
  await expect(name).toHaveValue('');
});

test('the form is drawn anew around what was filled in', async ({ page, server, ownSet }) => {
  let isOld = true;
  await page.route('**/graphql', async (route) => {
    if (!isOld || !route.request().postData()?.includes('"operationName":"LaunchTypes"')) return route.fallback();
    const answer = await route.fetch();
    return route.fulfill({ response: answer, body: (await answer.text()).replace(/"schemaVersion":"[^"]*"/g, '"schemaVersion":"of-yesterday"') });
  });
  await page.goto(`${server.url}/sets/${ownSet.dataSetId}/launch?agent=${ownSet.agents.trials}&type=noop`);
  await page.getByRole('textbox', { name: 'name' }).fill('mine');
  await page.getByRole('button', { name: 'Launch', exact: true }).click();
  await expect(page.getByText('The fields have changed since this form was drawn.')).toBeVisible();
  isOld = false;
  await page.getByRole('button', { name: 'Draw the form anew' }).click();
  await expect(page.getByText('The fields have changed since this form was drawn.')).toHaveCount(0);
  await expect(page.getByRole('textbox', { name: 'name' })).toHaveValue('mine');
  await page.getByRole('button', { name: 'Launch', exact: true }).click();
  await expect(page).toHaveURL(/\/executions\/exe_/);
});

test('what was written to an agent is there again, for its writer alone, and closing the tab asks', async ({ page, context, server, set, complaints }) => {
  complaints.expect(/401/);
  const message = await talk(page, server, set);
  const address = page.url();
  await message.fill('half a thought');
  await page.getByLabel('Files', { exact: true }).setInputFiles({ name: 'with.csv', mimeType: 'text/csv', buffer: Buffer.from('sku\n1\n') });
  await expect(page.getByRole('list', { name: 'Chosen files' })).toContainText('6 B');
  await page.getByRole('link', { name: 'Back to the conversations' }).click();
  await page.goBack();
  await expect(message).toHaveValue('half a thought');
  const asked = page.waitForEvent('dialog');
  void page.reload().catch(() => {});
  const dialog = await asked;
  expect(dialog.type()).toBe('beforeunload');
  await dialog.accept();
  await expect(message).toHaveValue('half a thought');
  await expect(page.getByRole('list', { name: 'Chosen files' })).toContainText('with.csv');

  // Whoever signs out leaves nothing behind.
  await page.getByRole('button', { name: /^Signed in as/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page).toHaveURL(/\/sign-in/);
  expect(await page.evaluate(() => Object.keys(sessionStorage).filter((key) => key.startsWith('unsent')))).toEqual([]);
  await signIn(context, server, server.adminToken);
  await page.goto(address);
  await expect(page.getByRole('textbox', { name: 'Message' })).toHaveValue('');
});

test('a file that is dropped beside its place opens nothing', async ({ page, server, set }) => {
  await page.goto(server.url + FORM(set));
  await expect(page.getByText('Choose files')).toBeVisible();
  const drop = (what: 'dragover' | 'drop', on: string) =>
    page.evaluate(
      ([what, on]) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File(['sku\n1\n'], 'dropped.csv', { type: 'text/csv' }));
        // What nobody prevents the browser does: it opens the file.
        return !document.querySelector(on!)!.dispatchEvent(new DragEvent(what!, { dataTransfer, bubbles: true, cancelable: true }));
      },
      [what, on],
    );
  expect([await drop('dragover', 'h1'), await drop('drop', 'h1')]).toEqual([true, true]);
  await expect(page.getByRole('list', { name: 'Chosen files' })).toHaveCount(0);
  expect(await drop('drop', 'label:has(input[type=file])')).toBe(true);
  await expect(page.getByRole('list', { name: 'Chosen files' })).toContainText('dropped.csv');
});

/** Gives a type another schema than it has, on the page alone. */
async function drawing(page: Page, schema: object): Promise<void> {
  await page.route('**/graphql', async (route) => {
    if (!route.request().postData()?.includes('"operationName":"LaunchTypes"')) return route.fallback();
    const answer = await route.fetch();
    const body = await answer.json();
    for (const type of body.data.agent.executionTypes) type.inputSchema = schema;
    return route.fulfill({ response: answer, json: body });
  });
}

const jsonOf = async (page: Page) => {
  await page.getByRole('tab', { name: 'JSON' }).click();
  const text = await page.getByRole('textbox', { name: 'Input as JSON' }).inputValue();
  await page.getByRole('tab', { name: 'Form' }).click();
  return JSON.parse(text);
};

test('a form can be filled in so that it is right', async ({ page, server, ownSet }) => {
  await drawing(page, {
    type: 'object',
    required: ['at', 'sure', 'note'],
    properties: {
      at: { type: 'string', format: 'time', title: 'At' },
      sure: { type: 'boolean', title: 'Sure' },
      loud: { type: 'boolean', title: 'Loud', default: false },
      note: { type: ['string', 'null'], title: 'Note' },
      skus: { type: 'array', title: 'SKUs', items: { type: 'string', title: 'SKU' } },
    },
  });
  await page.goto(`${server.url}/sets/${ownSet.dataSetId}/launch?agent=${ownSet.agents.trials}&type=noop`);
  await page.locator('#input_at').fill('10:00');
  await page.getByLabel('At: offset from UTC').selectOption('+05:30');
  const sure = page.getByRole('radiogroup', { name: 'Sure' });
  await expect(page.getByText('Sure', { exact: false })).toBeVisible();
  await expect(sure.getByRole('radio', { checked: true })).toHaveCount(0);
  expect(await jsonOf(page)).toMatchObject({ at: '10:00:00+05:30', loud: false });
  expect(await jsonOf(page)).not.toHaveProperty('sure');
  await sure.getByText('No', { exact: true }).click();
  await page.getByRole('checkbox', { name: 'No value (null) for Note' }).check();
  expect(await jsonOf(page)).toMatchObject({ sure: false, note: null });
  await page.getByRole('textbox', { name: 'Note' }).fill('said');
  await expect(page.getByRole('checkbox', { name: 'No value (null) for Note' })).not.toBeChecked();

  // Lines that are pasted leave what the item held.
  await page.getByRole('button', { name: 'Add SKU' }).click();
  const first = page.getByRole('textbox', { name: 'SKU 1' });
  await first.fill('MUG-001');
  await first.evaluate((field) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData('text', 'MUG-002\nMUG-003');
    field.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
  });
  await expect(page.getByRole('textbox', { name: 'SKU 3' })).toHaveValue('MUG-003');
  expect(await jsonOf(page)).toMatchObject({ note: 'said', skus: ['MUG-001', 'MUG-002', 'MUG-003'] });

  // Whoever removes an item by keyboard goes on from the next.
  await page.getByRole('button', { name: 'Remove item 2' }).press('Enter');
  await expect(page.getByRole('button', { name: 'Remove item 2' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: 'Remove item 1' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: 'Add SKU' })).toBeFocused();
  for (const theme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: theme });
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.getByLabel('At: offset from UTC').scrollIntoViewIfNeeded();
    await shoot(page, `launch-form-1280-${theme}`);
    await expectAccessible(page);
    await page.setViewportSize({ width: 360, height: 740 });
    await page.getByLabel('At: offset from UTC').scrollIntoViewIfNeeded();
    await shoot(page, `launch-form-360-${theme}`);
    await expectAccessible(page);
  }
});

test('Enter launches nothing by itself', async ({ page, server, demo, ownSet }) => {
  await page.goto(`${server.url}/sets/${ownSet.dataSetId}/launch?agent=${ownSet.agents.trials}&type=noop`);
  const launched: string[] = [];
  page.on('request', (request) => {
    if (request.postData()?.includes('"operationName":"Launch"')) launched.push(request.url());
  });
  await page.getByRole('textbox', { name: 'name' }).fill('mine');
  await page.keyboard.press('Enter');
  await page.getByText('Labels and limits').click();
  await page.getByLabel('Labels').fill('typed');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await page.getByLabel('Labels').fill('にほん');
  // What an input method composes is not ended by its own Enter.
  await page.getByLabel('Labels').evaluate((field) =>
    field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true, cancelable: true })),
  );
  await expect(page.getByLabel('Labels')).toHaveValue('にほん');
  await page.getByLabel('Labels').fill('');
  await page.getByLabel('Give up running after').fill('120');
  await page.keyboard.press('Enter');
  await expect(page.getByText('Labels and limits')).toContainText('typed');
  await page.getByRole('button', { name: 'Remove typed' }).press('Enter');
  await expect(page.getByLabel('Labels')).toBeFocused();
  expect(launched).toEqual([]);
  await page.keyboard.press('Control+Enter');
  await expect(page).toHaveURL(/\/executions\/exe_/);
  expect(launched).toHaveLength(1);
  const { executions } = await demo('query($filter: ExecutionFilter) { executions(filter: $filter) { totalCount } }', {
    filter: { dataSetIds: [ownSet.dataSetId] },
  });
  expect(executions.totalCount).toBe(1);
});

test('what is refused of labels and limits opens them, and stands on its field', async ({ page, server, ownSet, complaints }) => {
  complaints.expect(/Failed to load resource/);
  await page.goto(`${server.url}/sets/${ownSet.dataSetId}/launch?agent=${ownSet.agents.trials}&type=noop`);
  const summary = page.getByText('Labels and limits');
  const labels = page.getByLabel('Labels');
  await summary.click();
  await labels.fill(`${'x'.repeat(99)},`);
  for (let number = 0; number < 25; number += 1) await labels.fill(`label-${number},`);
  const running = page.getByLabel('Give up running after');
  await running.fill('1e3');
  await page.getByLabel('Give up in the queue after').fill('1.5');
  await summary.click();
  await page.getByRole('button', { name: 'Launch', exact: true }).click();
  await expect(page.getByLabel('Give up in the queue after')).toBeFocused();
  await expect(page.getByText('Whole seconds, at least 1.')).toHaveCount(1);
  await shoot(page, 'launch-refused-1280-light');
  await page.getByLabel('Give up in the queue after').fill('');
  await summary.click();
  const sent = page.waitForRequest((request) => request.postData()?.includes('"operationName":"Launch"') === true);
  await page.getByRole('button', { name: 'Launch', exact: true }).click();
  expect((await sent).postDataJSON().variables.input.maxDurationSeconds).toBe(1_000);
  await expect(labels).toBeFocused();
  await expect(labels).toHaveAttribute('aria-invalid', 'true');
  await expect(page.getByRole('main').getByRole('alert')).toHaveCount(0);

  // A check that cannot be made is seen, wherever one is.
  await page.route('**/graphql', (route) => route.abort());
  await page.setViewportSize({ width: 1280, height: 400 });
  await page.getByRole('button', { name: 'Check' }).click();
  await expect(page.getByText('It could not be checked.')).toBeInViewport();
});

test('an earlier execution that cannot be read, and an agent that is gone, are said', async ({ page, server, demo, ownSet, complaints }) => {
  complaints.expect(/Failed to load resource/);
  const { id } = await launch(demo, { agentId: ownSet.agents.trials!, executionKey: 'noop', input: { name: 'earlier' } });
  let isDown = true;
  await page.route('**/graphql', (route) =>
    isDown && route.request().postData()?.includes('"operationName":"LaunchFrom"') ? route.abort() : route.fallback(),
  );
  await page.goto(`${server.url}/sets/${ownSet.dataSetId}/launch?from=${id}`);
  await expect(page.getByText('The execution to start from could not be read')).toBeVisible();
  isDown = false;
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('textbox', { name: 'name' })).toHaveValue('earlier');

  await demo(`mutation($id: ID!) { retireAgent(input: { id: $id }) { agent { id } errors { ... on UserError { message } } } }`, { id: ownSet.agents.trials });
  await demo(
    `mutation($input: CreateAgentInput!) { createAgent(input: $input) { agent { id } errors { ... on UserError { message } } } }`,
    { input: { dataSetId: ownSet.dataSetId, agentTypeKey: 'trials', name: 'Others' } },
  );
  await page.goto(`${server.url}/sets/${ownSet.dataSetId}/launch?from=${id}`);
  await expect(page.getByText('Trials, which did this, is retired. Choose another agent.')).toBeVisible();
  await expect(page.getByRole('textbox', { name: 'name' })).toHaveValue('earlier');
  await expectAccessible(page);
});

test('what was said earlier comes in above, and leaves the reader where they were', async ({ page, server, demo, demoToken, set, complaints }) => {
  complaints.expect(/Failed to load resource/);
  const { id, conversationId } = await launch(demo, { agentId: set.agents.trials!, executionKey: 'ledger', input: { rounds: 8 } });
  await ended(server, demoToken, id);
  let isDown = true;
  await page.route('**/graphql', (route) => {
    const asked = route.request().postData() ?? '';
    if (isDown && asked.includes('"operationName":"EarlierEvents"')) return route.abort();
    // Short pages, so that a short conversation has several.
    return asked.includes('"last":100') ? route.fallback({ postData: asked.replace('"last":100', '"last":8') }) : route.fallback();
  });
  await page.setViewportSize({ width: 1280, height: 420 });
  await page.goto(`${server.url}/sets/${set.dataSetId}/executions/${id}/conversations/${conversationId}`);
  const earlier = page.getByRole('button', { name: 'Show earlier' });
  await earlier.click();
  await expect(page.getByText('What was said earlier could not be read.')).toBeVisible();
  await expectAccessible(page);
  isDown = false;
  const rows = page.locator('main ol > li');
  const seen = page.locator(`[data-message="${await page.locator('[data-message]').first().getAttribute('data-message')}"]`);
  const bottom = () => seen.evaluate((row) => row.getBoundingClientRect().bottom);
  const before = { rows: await rows.count(), bottom: await bottom() };
  await earlier.click();
  await expect.poll(() => rows.count()).toBeGreaterThan(before.rows);
  // The notice above it has gone as well; the row itself has not moved.
  expect(Math.abs((await bottom()) - before.bottom)).toBeLessThan(3);
  await expect(page.getByRole('button', { name: /^\d+ new$/ })).toHaveCount(0);
  // By keyboard, to the beginning: where the button was, one reads on.
  await earlier.focus();
  const isReading = async () => {
    await page.keyboard.press('Enter');
    return page.locator('main ol').evaluate((list) => list === document.activeElement);
  };
  await expect.poll(isReading).toBe(true);
  await expect(earlier).toHaveCount(0);
});

test('another data set is asked for its conversations from the first on', async ({ page, server, demo, set, ownSet }) => {
  for (let number = 0; number < 26; number += 1) {
    await demo('mutation($id: ID!) { startConversation(input: { agentId: $id }) { conversation { id } errors { ... on UserError { message } } } }', {
      id: ownSet.agents.trials,
    });
  }
  const asked: { dataSetId: string; after: string | null }[] = [];
  page.on('request', (request) => {
    const body = request.postData() ?? '';
    if (body.includes('"operationName":"Conversations"')) asked.push(JSON.parse(body).variables);
  });
  await page.goto(`${server.url}/sets/${ownSet.dataSetId}/conversations`);
  const list = page.getByRole('list', { name: 'Conversations' });
  await page.getByRole('button', { name: 'Show more' }).click();
  await expect(list.getByRole('link')).toHaveCount(26);
  await page.getByRole('button', { name: /^Data set/ }).click();
  await page.getByRole('menuitemradio').filter({ hasNotText: 'Stage of' }).first().click();
  await expect(page).not.toHaveURL(new RegExp(ownSet.dataSetId));
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Conversations' }).click();
  await expect(page).toHaveURL(new RegExp(`${set.dataSetId}/conversations`));
  await expect(list).toBeVisible();
  expect(asked.filter(({ dataSetId, after }) => dataSetId === set.dataSetId && after !== null)).toEqual([]);
});

test('figures that cannot be read anew stay, and those of another range are not taken for them', async ({ page, server, demo, demoToken, ownSet, complaints }) => {
  complaints.expect(/Failed to load resource/);
  let fate: 'go' | 'fail' | 'wait' = 'go';
  let letGo = () => {};
  const road = new Promise<void>((resolve) => (letGo = resolve));
  await page.route('**/graphql', async (route) => {
    if (!route.request().postData()?.includes('"operationName":"Overview"') || fate === 'go') return route.fallback();
    if (fate === 'fail') return route.abort();
    await road;
    return route.fallback();
  });
  const first = await launch(demo, { agentId: ownSet.agents.trials!, executionKey: 'noop' });
  await ended(server, demoToken, first.id);
  await page.goto(`${server.url}/sets/${ownSet.dataSetId}/overview?range=1h`);
  const total = page.locator('dl > div').filter({ has: page.getByText('Executions', { exact: true }) }).locator('dd > span').first();
  await expect(total).toHaveText('1');
  fate = 'fail';
  await launch(demo, { agentId: ownSet.agents.trials!, executionKey: 'noop' });
  await expect(page.getByText('The figures could not be read anew')).toBeVisible({ timeout: 30_000 });
  await expect(total).toHaveText('1');
  await expect(page.getByRole('region', { name: 'Executions by outcome' })).toBeVisible();
  for (const theme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: theme });
    await page.setViewportSize({ width: 1280, height: 800 });
    await shoot(page, `overview-old-1280-${theme}`);
    await expectAccessible(page);
    await page.setViewportSize({ width: 360, height: 740 });
    await shoot(page, `overview-old-360-${theme}`);
    await expectAccessible(page);
  }
  fate = 'go';
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(total).toHaveText('2');
  await expect(page.getByText('The figures could not be read anew')).toHaveCount(0);
  fate = 'wait';
  await page.getByText('Week', { exact: true }).click();
  await expect(page.getByRole('status', { name: 'Loading the overview' })).toBeVisible();
  await expect(total).toHaveCount(0);
  letGo();
  await expect(total).toHaveText('2');
});
