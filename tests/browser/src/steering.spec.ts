// What a reader does with the pages stays what they meant: what is selected, asked, typed and copied, and where the
// keyboard is.
import type { Page, Route } from '@playwright/test';
import { type Api, ended, launch, type Stage, stageOf } from './api.ts';
import { type Server, startServer } from './server.ts';
import { connection, expect, expectAccessible, shoot, test } from './world.ts';

const rowsOf = (page: Page) => page.getByRole('table').getByRole('row').filter({ has: page.locator('[data-status]') });
const selected = (page: Page) => page.getByRole('region', { name: 'Selected executions' });
const history = (server: Server, set: Stage, search = '') => `${server.url}/sets/${set.dataSetId}/executions${search}`;

/** So many of a type that ends at once, all of them ended. */
async function finished(server: Server, demo: Api, token: string, set: Stage, number: number): Promise<string[]> {
  const many: string[] = [];
  for (let at = 0; at < number; at += 1) many.push((await launch(demo, { agentId: set.agents.trials!, executionKey: 'noop' })).id);
  await Promise.all(many.map((id) => ended(server, token, id)));
  return many;
}

/** Holds the answers to an operation back until it is called. */
async function holding(page: Page, operation: string, by: (route: Route) => Promise<void> = (route) => route.continue()): Promise<() => void> {
  let release = () => {};
  const held = new Promise<void>((go) => (release = go));
  await page.route('**/graphql', async (route) => {
    if (!route.request().postData()?.includes(`"operationName":"${operation}"`)) return route.fallback();
    await held;
    return by(route);
  });
  return release;
}

test('nothing is done to rows of another list that one no longer sees', async ({ page, server, demo, demoToken, ownSet }) => {
  await launch(demo, { agentId: ownSet.agents.trials!, executionKey: 'slow' });
  await finished(server, demo, demoToken, ownSet, 1);
  await page.goto(history(server, ownSet));
  await expect(page.locator('[data-status=IN_PROGRESS]')).toHaveCount(1);
  await page.getByRole('checkbox', { name: 'Select all on this page' }).check();
  await expect(selected(page)).toContainText('2 selected');
  await page.getByRole('group', { name: 'Status' }).getByRole('button', { name: /Finished/ }).click();
  await expect(rowsOf(page)).toHaveCount(1);
  await expect(selected(page)).toHaveCount(0);
  await page.getByRole('checkbox', { name: /^Select (?!all)/ }).check();
  await expect(selected(page)).toContainText('1 selected');
  await expect(selected(page).getByRole('button', { name: 'Cancel', exact: true })).toBeDisabled();
});

test('what is selected stays so over the pages of its list', async ({ page, server, demo, demoToken, ownSet }) => {
  await finished(server, demo, demoToken, ownSet, 27);
  await page.goto(history(server, ownSet));
  await expect(rowsOf(page)).toHaveCount(25);
  await rowsOf(page).nth(3).getByRole('checkbox').check();
  await page.getByRole('button', { name: 'Older' }).click();
  await expect(rowsOf(page)).toHaveCount(2);
  await rowsOf(page).first().getByRole('checkbox').check();
  await expect(selected(page)).toContainText('2 selected');
  await page.getByRole('button', { name: 'Newest' }).click();
  await expect(rowsOf(page)).toHaveCount(25);
  await expect(selected(page)).toContainText('2 selected');
  await expect(rowsOf(page).nth(3).getByRole('checkbox')).toBeChecked();
});

test('more than the server takes at once are retried all the same', async ({ page, server, demo, demoToken, ownSet }) => {
  await finished(server, demo, demoToken, ownSet, 101);
  await page.goto(history(server, ownSet));
  for (let number = 1; number <= 5; number += 1) {
    await expect(rowsOf(page)).toHaveCount(number < 5 ? 25 : 1);
    await page.getByRole('checkbox', { name: 'Select all on this page' }).check();
    await expect(selected(page)).toContainText(`${Math.min(25 * number, 101)} selected`);
    if (number === 5) break;
    const last = (await rowsOf(page).last().getAttribute('data-execution')) ?? '';
    await page.getByRole('button', { name: 'Older' }).click();
    await expect(page.locator(`[data-execution=${last}]`)).toHaveCount(0);
  }
  await selected(page).getByRole('button', { name: 'Retry 101' }).click();
  await expect(page.getByText('Launched 101 executions again')).toBeVisible();
  await expect(selected(page)).toHaveCount(0);
});

test('a cancel whose answer was lost keeps the reason and the selection, and calls nothing undone', async ({ page, server, demo, ownSet, complaints }) => {
  complaints.expect(/Failed to load resource|net::ERR_/);
  for (let number = 0; number < 2; number += 1) await launch(demo, { agentId: ownSet.agents.trials!, executionKey: 'slow' });
  await page.goto(history(server, ownSet));
  await expect(page.locator('[data-status=IN_PROGRESS]')).toHaveCount(2);
  await page.getByRole('checkbox', { name: 'Select all on this page' }).check();
  await page.route('**/graphql', (route) =>
    route.request().postData()?.includes('"operationName":"CancelExecutions"') ? route.abort() : route.fallback(),
  );
  await selected(page).getByRole('button', { name: 'Cancel 2' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Reason' }).fill('The wrong file');
  await dialog.getByRole('button', { name: 'Cancel 2 executions' }).click();
  await expect(dialog.getByRole('alert')).toContainText('they may have been canceled');
  await expect(dialog.getByRole('textbox', { name: 'Reason' })).toHaveValue('The wrong file');
  await expect(page.getByText('Nothing was canceled')).toHaveCount(0);
  await expectAccessible(page);
  await shoot(page, 'cancel-lost');
  await page.unrouteAll();
  await dialog.getByRole('button', { name: 'Cancel 2 executions' }).click();
  await expect(dialog).toHaveCount(0);
  await expect(page.getByRole('table').getByText('Canceled')).toHaveCount(2);
  await expect(selected(page)).toHaveCount(0);
});

test('an answer that comes late closes no question about something else', async ({ page, server, demo, ownSet }) => {
  for (let number = 0; number < 2; number += 1) await launch(demo, { agentId: ownSet.agents.trials!, executionKey: 'slow' });
  await page.goto(history(server, ownSet));
  await expect(page.locator('[data-status=IN_PROGRESS]')).toHaveCount(2);
  const release = await holding(page, 'CancelExecutions');
  const ask = async (row: number) => {
    await rowsOf(page).nth(row).getByRole('button', { name: /^Actions for/ }).click();
    await page.getByRole('menuitem', { name: 'Cancel…' }).click();
  };
  const dialog = page.getByRole('dialog');
  await ask(0);
  await dialog.getByRole('button', { name: 'Cancel execution' }).click();
  await expect(dialog.getByRole('button', { name: 'Cancel execution' })).toHaveAttribute('aria-busy', 'true');
  await page.keyboard.press('Escape');
  await expect(dialog).toHaveCount(0);
  await ask(1);
  await dialog.getByRole('textbox', { name: 'Reason' }).fill('Mine');
  release();
  await expect(rowsOf(page).nth(0)).toContainText('Canceled');
  await expect(dialog.getByRole('textbox', { name: 'Reason' })).toHaveValue('Mine');
  await dialog.getByRole('button', { name: 'Cancel execution' }).click();
  await expect(page.getByRole('table').getByText('Canceled')).toHaveCount(2);
});

/** The name of what has the focus; empty where nothing has it. */
const focused = (page: Page) =>
  page.evaluate(() => {
    const element = document.activeElement;
    if (!(element instanceof HTMLElement) || element === document.body) return '';
    return (element.getAttribute('aria-label') ?? element.innerText).trim().split('\n')[0] ?? '';
  });

for (const colorScheme of ['light', 'dark'] as const) {
  test(`the menus of the navigation work on a phone, in ${colorScheme}`, async ({ page, server, ownSet, admin, demo }) => {
    const other = await stageOf(admin, demo, `Beside ${ownSet.dataSetId}`);
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width: 360, height: 740 });
    await page.goto(history(server, ownSet));
    const drawer = page.getByRole('dialog', { name: 'Navigation' });
    const menu = page.getByRole('menu');
    await page.getByRole('button', { name: 'Open navigation' }).click();
    await drawer.getByRole('button', { name: /^Signed in as/ }).click();
    await expect(menu).toBeVisible();
    await expectAccessible(page);
    await shoot(page, `drawer-menu-360-${colorScheme}`);
    await page.getByRole('menuitemradio', { name: colorScheme === 'dark' ? 'Light' : 'Dark' }).click();
    await expect(page.locator('html')).toHaveAttribute('data-theme', colorScheme === 'dark' ? 'light' : 'dark');
    // Escape closes the menu and leaves the drawer, then the drawer.
    await drawer.getByRole('button', { name: /^Signed in as/ }).press('Enter');
    await expect(menu).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(menu).toHaveCount(0);
    await expect(drawer).toBeVisible();
    await drawer.getByRole('button', { name: /^Data set:/ }).click();
    await page.getByRole('menuitemradio', { name: `Beside ${ownSet.dataSetId}` }).click();
    await expect(page).toHaveURL(new RegExp(other.dataSetId));
    await expect(drawer).toHaveCount(0);
    await expect(page.getByRole('heading', { level: 1, name: 'History' })).toBeFocused();
  });
}

test('a drawer that is open is gone where there is room beside the page', async ({ page, server, ownSet }) => {
  await page.setViewportSize({ width: 800, height: 740 });
  await page.goto(history(server, ownSet));
  await page.getByRole('button', { name: 'Open navigation' }).click();
  await page.setViewportSize({ width: 1280, height: 740 });
  await page.getByRole('button', { name: /^Signed in as/ }).click();
  await expect(page.getByRole('menu')).toBeVisible();
});

test('the focus comes back from a dialog, to a button and to the menu of a row', async ({ page, server, demo, ownSet }) => {
  const { id } = await launch(demo, { agentId: ownSet.agents.trials!, executionKey: 'slow' });
  await page.goto(history(server, ownSet));
  await expect(page.locator('[data-status=IN_PROGRESS]')).toHaveCount(1);
  const trigger = rowsOf(page).getByRole('button', { name: /^Actions for/ });
  for (const key of ['Enter', 'ArrowDown']) {
    await trigger.focus();
    await page.keyboard.press(key);
    // The first time as well, although the menu was not there when the key was pressed.
    await expect(page.getByRole('menuitem', { name: 'Cancel…' })).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(page.getByRole('dialog')).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(page.getByRole('dialog')).toHaveCount(0);
    await expect(trigger).toBeFocused();
    await page.reload();
  }
  await trigger.focus();
  await page.keyboard.press('ArrowDown');
  await expect(page.getByRole('menuitem', { name: 'Cancel…' })).toBeFocused();

  await page.goto(`${server.url}/sets/${ownSet.dataSetId}/executions/${id}`);
  const cancel = page.getByRole('button', { name: 'Cancel', exact: true });
  await cancel.focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  await expect(cancel).toBeFocused();
  // What opened it goes with what was done.
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Cancel execution' }).press('Enter');
  await expect(cancel).toHaveCount(0);
  await expect.poll(() => focused(page)).toContain('Slow');
});

test('the focus stays on what turns pages, and goes to the heading of another page', async ({ page, server, demo, demoToken, ownSet }) => {
  await finished(server, demo, demoToken, ownSet, 27);
  await page.goto(history(server, ownSet));
  const older = page.getByRole('button', { name: 'Older' });
  await older.focus();
  await page.keyboard.press('Enter');
  await expect(rowsOf(page)).toHaveCount(2);
  await expect(older).toBeFocused();
  await expect(older).toBeDisabled();
  const newest = page.getByRole('button', { name: 'Newest' });
  await newest.focus();
  await page.keyboard.press('Enter');
  await expect(rowsOf(page)).toHaveCount(25);
  await expect(newest).toBeFocused();

  await rowsOf(page).first().getByRole('link').first().press('Enter');
  await expect(page).toHaveURL(/\/executions\/exe_/);
  const heading = page.getByRole('heading', { level: 1 });
  await expect(heading).toContainText('Finished');
  await expect(heading).toBeFocused();
  await page.getByRole('link', { name: 'Agents' }).press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'Agents' })).toBeFocused();
  await page.goBack();
  await expect(heading).toContainText('Finished');
  await expect(heading).toBeFocused();
});

test('an address that is put right moves no focus', async ({ page, server, demo, demoToken, ownSet }) => {
  const { id, conversationId } = await launch(demo, { agentId: ownSet.agents.trials!, executionKey: 'noop' });
  await ended(server, demoToken, id);
  await page.goto(`${server.url}/sets/${ownSet.dataSetId}/conversations/${conversationId}`);
  await expect(page).toHaveURL(new RegExp(`/executions/${id}/conversations/`));
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('No-op');
  // As long as the page waits for whoever takes it by itself.
  await page.waitForTimeout(200);
  await expect(page.locator('body')).toBeFocused();
});

test.describe('as the admin', () => {
  test.use({ as: 'admin' });

  test('the focus is not lost with a row that is removed', async ({ page, server, ownSet, admin }) => {
    const name = `gone ${ownSet.dataSetId.slice(-6)}`;
    const { createUser } = await admin('mutation($name: String!) { createUser(input: { name: $name }) { user { id } errors { ... on UserError { message } } } }', { name });
    await admin(
      'mutation($input: SetDataSetMemberInput!) { setDataSetMember(input: $input) { errors { ... on UserError { message } } } }',
      { input: { dataSetId: ownSet.dataSetId, userId: createUser.user.id, role: 'MEMBER' } },
    );
    await page.goto(`${server.url}/sets/${ownSet.dataSetId}/settings?tab=members`);
    const remove = page.getByRole('button', { name: `Remove ${name}` });
    await remove.press('Enter');
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).press('Enter');
    await expect(remove).toHaveCount(0);
    await expect(page.getByRole('region', { name: 'Members' })).toBeFocused();
  });

  test('whoever is chosen as a member stays in sight', async ({ page, server, ownSet, admin }) => {
    const suffix = ownSet.dataSetId.slice(-6);
    for (const name of [`alma ${suffix}`, `bela ${suffix}`])
      await admin('mutation($name: String!) { createUser(input: { name: $name }) { user { id } errors { ... on UserError { message } } } }', { name });
    await page.goto(`${server.url}/sets/${ownSet.dataSetId}/settings?tab=members`);
    await page.getByRole('button', { name: 'Add a member' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('searchbox').fill(`alma ${suffix}`);
    await dialog.getByRole('radio', { name: `alma ${suffix}` }).check();
    await dialog.getByRole('searchbox').fill(`bela ${suffix}`);
    await expect(dialog.getByRole('radio', { name: `bela ${suffix}` })).toBeVisible();
    await expect(dialog.getByRole('radio', { name: `alma ${suffix}` })).toBeChecked();
    await shoot(page, 'member-chosen');
    await dialog.getByRole('searchbox').fill('nobody is called so');
    await expect(dialog.getByText('No name begins like this.')).toBeVisible();
    await expect(dialog.getByRole('radio', { name: `alma ${suffix}` })).toBeChecked();
  });

  test('a selection of text that ends outside closes no dialog, and a press beside one that is shown once does not either', async ({ page, server, ownSet }) => {
    await page.goto(`${server.url}/sets/${ownSet.dataSetId}/settings`);
    await page.getByRole('button', { name: 'New token' }).click();
    const dialog = page.getByRole('dialog');
    const name = dialog.getByLabel('Name');
    await name.fill('A rather long name');
    const box = (await name.boundingBox())!;
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(5, box.y, { steps: 4 });
    await page.mouse.up();
    await expect(name).toHaveValue('A rather long name');
    // A press that begins and ends beside it does.
    await page.mouse.click(5, 5);
    await expect(dialog).toHaveCount(0);
    await page.getByRole('button', { name: 'New token' }).click();
    await name.fill('Shown once');
    await dialog.getByRole('button', { name: 'Create' }).click();
    await expect(dialog.getByTestId('secret')).toBeVisible();
    await page.mouse.click(5, 5);
    await expect(dialog.getByTestId('secret')).toBeVisible();
    await dialog.getByRole('button', { name: 'Done' }).click();
    await expect(dialog).toHaveCount(0);
  });
});

test('a day is typed, stands in the address when it is whole, and is one step back', async ({ page, server, ownSet }) => {
  await page.goto(history(server, ownSet));
  await page.getByRole('button', { name: 'Any time' }).click();
  const from = page.getByLabel('From');
  await from.focus();
  await page.keyboard.type('05052026', { delay: 60 });
  await expect(from).toHaveValue('2026-05-05');
  await expect(page).toHaveURL(/\?from=2026-05-05$/);
  // Another day of it, while one is there.
  await page.keyboard.press('ArrowUp');
  await expect(page).toHaveURL(/\?from=2027-05-05$/);
  await shoot(page, 'dates');
  await page.keyboard.press('Escape');
  await page.goBack();
  await expect(page).toHaveURL(/\/executions$/);
});

test('Enter in the search of a filter leaves what was typed', async ({ page, server, ownSet }) => {
  await page.goto(history(server, ownSet));
  await page.getByRole('button', { name: 'Failure', exact: true }).click();
  const find = page.getByRole('textbox', { name: 'Find a failure' });
  await find.fill('timed');
  await find.press('Enter');
  await expect(find).toHaveValue('timed');
  await expect(page.getByRole('group', { name: 'Failure' }).getByRole('checkbox')).toHaveCount(1);
});

test('whoever signs out leaves no way back to what they looked at', async ({ page, server, ownSet, complaints }) => {
  complaints.expect(/401/);
  await page.goto(history(server, ownSet));
  await expect(connection(page, 'live')).toBeVisible();
  await page.getByRole('button', { name: /^Signed in as/ }).click();
  // The next page takes its time: what is still there meanwhile hears that the session is over.
  await page.route('**/assets/SignInPage-*', async (route) => {
    await new Promise((later) => setTimeout(later, 1_500));
    return route.continue();
  });
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page).toHaveURL(/\/sign-in/);
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
  expect(page.url()).toBe(`${server.url}/sign-in`);
});

const first = test.extend<{ fresh: Server }>({
  fresh: async ({}, use) => {
    const server = await startServer({ terminal: true });
    await use(server);
    await server.stop();
  },
});

first('a one-time link that is put into the address of the open page signs in, and leaves it at once', async ({ context, fresh }) => {
  const page = await context.newPage();
  await page.goto(`${fresh.url}/sign-in`);
  await expect(page.getByLabel('Token')).toBeVisible();
  await page.goto(fresh.link!);
  await expect(page).not.toHaveURL(/sign-in|#/);
  await expect(page.getByRole('button', { name: /^Signed in as/ }).filter({ visible: true })).toBeVisible();
  // Used already.
  await page.goto(`${fresh.url}/sign-in`);
  await page.goto(fresh.link!);
  await expect(page.getByRole('alert')).toContainText('This link has been used already');
  expect(page.url()).not.toContain('#');
});

test('where the browser has no clipboard it is said', async ({ page, server, demo, ownSet }) => {
  const { id } = await launch(demo, { agentId: ownSet.agents.trials!, executionKey: 'slow' });
  // As on a page without TLS.
  await page.addInitScript(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
  await page.goto(`${server.url}/sets/${ownSet.dataSetId}/executions/${id}`);
  await page.getByRole('button', { name: 'Copy the id' }).click();
  await expect(page.getByText('The browser did not let it be copied')).toBeVisible();
  await shoot(page, 'copy-refused');
  await expectAccessible(page);
  await page.setViewportSize({ width: 360, height: 740 });
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.getByRole('button', { name: 'Copy the id' }).click();
  await shoot(page, 'copy-refused-360');
});

test('no execution is shown under the address of another', async ({ page, server, demo, demoToken, ownSet }) => {
  const [first = ''] = await finished(server, demo, demoToken, ownSet, 1);
  const { retryExecution } = await demo(
    'mutation($id: ID!) { retryExecution(input: { id: $id }) { execution { id } errors { ... on UserError { message } } } }',
    { id: first },
  );
  await page.goto(`${server.url}/sets/${ownSet.dataSetId}/executions/${retryExecution.execution.id}`);
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Finished');
  const release = await holding(page, 'Detail');
  await page.getByRole('link', { name: /^A retry of/ }).click();
  await expect(page).toHaveURL(new RegExp(first));
  await expect(page.getByRole('status', { name: 'Loading the execution' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Retry' })).toHaveCount(0);
  release();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Finished');
  await expect(page.getByText(first, { exact: true })).toBeVisible();
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`a playground whose server does not answer says so, in ${colorScheme}`, async ({ page, server, complaints }) => {
    complaints.expect(/503/);
    await page.emulateMedia({ colorScheme });
    await page.route('**/graphql', (route) => route.fulfill({ status: 503, body: 'starting' }));
    await page.goto(`${server.url}/graphiql`);
    await expect(page.getByRole('alert')).toContainText('The playground could not be opened');
    await expectAccessible(page);
    await shoot(page, `playground-closed-${colorScheme}`);
    await page.unrouteAll();
    await page.getByRole('button', { name: 'Try again' }).click();
    await expect(page.locator('.view-lines').first()).toContainText('query Newest');
  });
}

test('pages of one data set are not asked for with the places of another', async ({ page, server, admin, demo, ownSet }) => {
  const other = await stageOf(admin, demo, `Few of ${ownSet.dataSetId}`);
  for (let number = 0; number < 51; number += 1) {
    await demo('mutation($input: CreateAgentInput!) { createAgent(input: $input) { agent { id } errors { ... on UserError { message } } } }', {
      input: { dataSetId: ownSet.dataSetId, agentTypeKey: 'trials', name: `Agent ${number}` },
    });
  }
  await page.goto(`${server.url}/sets/${ownSet.dataSetId}/agents`);
  const agents = page.getByRole('list', { name: 'Agents' }).getByRole('heading');
  await expect(agents).toHaveCount(50);
  await page.getByRole('button', { name: 'Show more' }).click();
  await expect(agents).toHaveCount(52);
  const asked: (string | null)[] = [];
  page.on('request', (request) => {
    const sent = /"operationName":"Agents"/.test(request.postData() ?? '') ? request.postDataJSON() : undefined;
    if (sent) asked.push(sent.variables.after);
  });
  await page.getByRole('button', { name: /^Data set:/ }).click();
  await page.getByRole('menuitemradio', { name: `Few of ${ownSet.dataSetId}` }).click();
  await expect(page).toHaveURL(new RegExp(`${other.dataSetId}/agents`));
  await expect(agents).toHaveCount(1);
  expect(asked).toEqual([null]);
});

test('a name is changed without making defaults of the type the choice of the agent', async ({ page, server, demo, ownSet }) => {
  const id = ownSet.agents.trials;
  await page.route('**/graphql', async (route) => {
    if (!/"operationName":"(Agent|AgentTypes)"/.test(route.request().postData() ?? '')) return route.fallback();
    const response = await route.fetch();
    const answer = await response.json();
    // As a type may have it that brings a schema of its own.
    for (const { configurationSchema } of answer.data.agentTypes ?? [answer.data.agent.agentType]) {
      configurationSchema.properties.temperature.default = 0.7;
      configurationSchema.properties.retry = { type: 'object', properties: { times: { type: 'integer', default: 3 } } };
    }
    return route.fulfill({ response, json: answer });
  });
  await page.goto(`${server.url}/sets/${ownSet.dataSetId}/agents/${id}`);
  await page.getByRole('button', { name: 'Edit' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByText('The type has 0.7.')).toBeVisible();
  await dialog.getByLabel('Name').fill('Renamed');
  await shoot(page, 'agent-defaults');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Renamed');
  const { agent } = await demo('query($id: ID!) { agent(id: $id) { configuration } }', { id });
  expect(agent.configuration).toEqual({});
});

test('nothing is put above the rows while some are selected, or the menu of one is open', async ({ page, server, demo, demoToken, ownSet }) => {
  await finished(server, demo, demoToken, ownSet, 2);
  await page.goto(history(server, ownSet));
  await expect(connection(page, 'live')).toBeVisible();
  const first = rowsOf(page).first();
  const id = await first.getAttribute('data-execution');
  await first.getByRole('checkbox').check();
  await finished(server, demo, demoToken, ownSet, 1);
  await expect(page.getByRole('button', { name: '1 new' })).toBeVisible();
  await expect(first).toHaveAttribute('data-execution', id!);
  await first.getByRole('checkbox').uncheck();
  await expect(rowsOf(page)).toHaveCount(3);

  const fresh = await first.getAttribute('data-execution');
  await first.getByRole('button', { name: /^Actions for/ }).click();
  await expect(page.getByRole('menu')).toBeVisible();
  await finished(server, demo, demoToken, ownSet, 1);
  await expect(page.getByRole('button', { name: '1 new' })).toBeVisible();
  await expect(first).toHaveAttribute('data-execution', fresh!);
  await page.keyboard.press('Escape');
  await expect(rowsOf(page)).toHaveCount(4);
});
