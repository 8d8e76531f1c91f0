// What admins do: agents, access tokens, members, users, data sets. As the server's admin, on a server of its own.
import { api } from './api.ts';
import { expect, expectAccessible, shoot, test } from './world.ts';

test.use({ as: 'admin' });

test('an agent is made, refused a taken name, changed and retired', async ({ page, server, set }) => {
  await page.goto(`${server.url}/sets/${set.dataSetId}/agents`);
  await page.getByRole('button', { name: 'New agent' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Agent type').selectOption('order-intake');
  await dialog.getByLabel('Name').fill('Trials');
  await dialog.getByRole('button', { name: 'Create' }).click();
  await expect(dialog.getByLabel('Name')).toHaveAttribute('aria-invalid', 'true');
  await expect(dialog.getByText('is taken')).toBeVisible();
  await dialog.getByLabel('Name').fill('Night orders');
  await dialog.getByRole('button', { name: 'Create' }).click();
  await expect(page.getByRole('heading', { name: 'Night orders' })).toBeVisible();

  await page.getByRole('button', { name: 'Edit' }).click();
  await dialog.getByLabel('Description').fill('Takes what came in over night.');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Takes what came in over night.')).toBeVisible();

  await page.getByRole('button', { name: 'Retire' }).click();
  await dialog.getByRole('button', { name: 'Retire' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('retired');
  await expect(page.getByRole('link', { name: 'Launch' }).and(page.locator('main a'))).toHaveCount(0);
  await page.goto(`${server.url}/sets/${set.dataSetId}/agents`);
  await expect(page.getByRole('link', { name: 'Trials', exact: true })).toBeVisible();
  await expect(page.getByRole('link', { name: 'Night orders' })).toHaveCount(0);
  // It stands in the address, and is drawn from there.
  await page.getByLabel('Show retired').click();
  await expect(page.getByLabel('Show retired')).toBeChecked();
  await expect(page.getByRole('link', { name: 'Night orders' })).toBeVisible();
});

test('an agent is configured by a form, and what the server refuses stands on its field', async ({ page, server, admin, set }) => {
  await page.goto(`${server.url}/sets/${set.dataSetId}/agents`);
  await page.getByRole('button', { name: 'New agent' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Agent type').selectOption('trials');
  await dialog.getByLabel('Name').fill('Cautious');
  const temperature = dialog.getByLabel('Temperature');
  await dialog.getByLabel('Additional instructions').fill('Ask before you write.');
  await temperature.fill('3');
  await shoot(page, 'agent-form');
  await dialog.getByRole('button', { name: 'Create' }).click();
  await expect(temperature).toHaveAttribute('aria-invalid', 'true');
  await expect(temperature).toBeFocused();
  await expect(dialog.getByRole('alert')).toContainText('One thing in the configuration has to be put right: Temperature');
  await shoot(page, 'agent-form-refused');
  await expectAccessible(page);
  await temperature.fill('0.5');
  await expect(temperature).not.toHaveAttribute('aria-invalid', 'true');
  await dialog.getByRole('tab', { name: 'JSON' }).click();
  const json = dialog.getByRole('textbox', { name: 'Configuration as JSON' });
  expect(JSON.stringify(JSON.parse(await json.inputValue()))).toBe('{"temperature":0.5,"additional_instructions":"Ask before you write."}');
  await dialog.getByRole('button', { name: 'Create' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Cautious');
  const id = page.url().split('/').at(-1);
  const stored = async () => (await admin('query($id: ID!) { agent(id: $id) { configuration } }', { id })).agent.configuration;
  expect(await stored()).toEqual({ temperature: 0.5, additional_instructions: 'Ask before you write.' });

  // By the form: another model, and no temperature of its own any more.
  await page.getByRole('button', { name: 'Edit' }).click();
  await dialog.getByLabel('Model').selectOption('rehearsal');
  await temperature.fill('');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog).toHaveCount(0);
  expect(await stored()).toEqual({ model: 'rehearsal', additional_instructions: 'Ask before you write.' });

  // As JSON: what is no JSON is not saved, and a member that the type does not know is named.
  await page.getByRole('button', { name: 'Edit' }).click();
  await dialog.getByRole('tab', { name: 'JSON' }).click();
  await json.fill('{"model": ');
  await expect(dialog.getByText('This is not JSON')).toBeVisible();
  await expect(dialog.getByRole('button', { name: 'Save' })).toBeDisabled();
  await json.fill('{"modell": "rehearsal"}');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog.getByRole('alert')).toContainText('modell');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  expect(await stored()).toEqual({ model: 'rehearsal', additional_instructions: 'Ask before you write.' });
});

test('a change that somebody else made meanwhile is not written over unseen', async ({ page, server, admin, set }) => {
  await page.goto(`${server.url}/sets/${set.dataSetId}/agents/${set.agents['invoice-scanning']}`);
  await page.getByRole('button', { name: 'Edit' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('Mine');
  await admin(
    'mutation($id: ID!) { updateAgent(input: { id: $id, name: "Theirs" }) { agent { id } errors { ... on UserError { message } } } }',
    { id: set.agents['invoice-scanning'] },
  );
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog.getByRole('alert')).toContainText('Theirs');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('heading', { name: 'Mine' })).toBeVisible();
});

test('a token is shown once, is good for the API, and is no longer when it is revoked', async ({ page, server, set }) => {
  await page.goto(`${server.url}/sets/${set.dataSetId}/settings`);
  await page.getByRole('button', { name: 'New token' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('nightly export');
  await dialog.getByRole('button', { name: 'Create' }).click();
  const secret = await dialog.getByTestId('secret').innerText();
  await dialog.getByRole('button', { name: 'Done' }).click();
  await expect(page.getByText(secret)).toHaveCount(0);
  const row = page.getByRole('row').filter({ hasText: 'nightly export' });
  await expect(row).toContainText('never');
  const program = api(server, secret);
  expect((await program('{ viewer { name } }')).viewer.name).toBe('admin');

  await row.getByRole('button', { name: 'Revoke nightly export' }).click();
  await dialog.getByRole('button', { name: 'Revoke' }).click();
  await expect(row).toHaveCount(0);
  await expect(program('{ viewer { name } }')).rejects.toThrow();
  await page.getByLabel('Show revoked').check();
  await expect(row).toContainText('revoked');
});

test('a user is made, becomes a member, an admin, and is none any more', async ({ page, server, admin, set }) => {
  await page.goto(`${server.url}/sets/${set.dataSetId}/settings?tab=users`);
  await page.getByRole('button', { name: 'New user' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('demo');
  await dialog.getByRole('button', { name: 'Create' }).click();
  await expect(dialog.getByText('is taken')).toBeVisible();
  await dialog.getByLabel('Name').fill('night shift');
  await dialog.getByRole('button', { name: 'Create' }).click();
  await expect(page.getByRole('row').filter({ hasText: 'night shift' })).toBeVisible();

  await page.getByRole('tab', { name: 'Members' }).click();
  await page.getByRole('button', { name: 'Add a member' }).click();
  await dialog.getByRole('searchbox').fill('night');
  await dialog.getByRole('radio', { name: 'night shift' }).check();
  await dialog.getByRole('button', { name: 'Add' }).click();
  const row = page.getByRole('row').filter({ hasText: 'night shift' });
  await row.getByLabel('Role of night shift').selectOption('ADMIN');
  // What the server has, for the news of it stays for moments.
  const roles = async () => {
    const { dataSet } = await admin('query($id: ID!) { dataSet(id: $id) { members(first: 50) { nodes { role user { name } } } } }', {
      id: set.dataSetId,
    });
    return dataSet.members.nodes.flatMap(({ role, user }: any) => (user.name === 'night shift' ? [role] : []));
  };
  await expect.poll(roles).toEqual(['ADMIN']);
  await expect(row.getByLabel('Role of night shift')).toHaveValue('ADMIN');
  await row.getByRole('button', { name: 'Remove night shift' }).click();
  await dialog.getByRole('button', { name: 'Remove' }).click();
  await expect(row).toHaveCount(0);
  await expect.poll(roles).toEqual([]);
});

test('a data set is made and renamed', async ({ page, server, set }) => {
  await page.goto(`${server.url}/sets/${set.dataSetId}/settings?tab=data-sets`);
  await page.getByRole('button', { name: 'New data set' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('archive');
  await dialog.getByRole('button', { name: 'Create' }).click();
  await page.getByRole('button', { name: 'Rename archive' }).click();
  await dialog.getByLabel('Name').fill('attic');
  await dialog.getByRole('button', { name: 'Rename' }).click();
  await expect(page.getByRole('table').getByRole('link', { name: 'attic' })).toBeVisible();
  // The switcher knows it as well.
  await page.getByRole('button', { name: /^Data set:/ }).click();
  await page.getByRole('menuitemradio', { name: 'attic' }).click();
  await expect(page).not.toHaveURL(new RegExp(set.dataSetId));
});
