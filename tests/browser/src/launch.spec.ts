// Launching: what is sent is what was filled in, once.
import { ended, launch, upload } from './api.ts';
import { expect, test } from './world.ts';

const INPUT = 'query($filter: ExecutionFilter) { executions(filter: $filter) { totalCount nodes { input files { filename } } } }';

test('a double click launches once, and the input is stored in the order of its schema', async ({ page, server, demo, set }) => {
  await page.goto(`${server.url}/sets/${set.dataSetId}/launch?agent=${set.agents['catalog-enrichment']}`);
  // The last field first: neither that order nor the alphabet's is the schema's.
  await page.getByLabel('Additional instructions').fill('Leave the prices alone.');
  await page.getByRole('button', { name: 'Add SKU' }).click();
  await page.getByRole('textbox', { name: 'SKU 1' }).fill('MUG-002');
  await page.getByText('Labels and limits').click();
  await page.getByLabel('Labels').fill('twice,');
  await page.getByRole('button', { name: 'Launch', exact: true }).dblclick();
  await expect(page).toHaveURL(/\/executions\/exe_[0-9a-f]+$/);
  const { executions } = await demo(INPUT, { filter: { labels: ['twice'] } });
  expect(executions.totalCount).toBe(1);
  expect(JSON.stringify(executions.nodes[0].input)).toBe(
    '{"skus":["MUG-002"],"additional_instructions":"Leave the prices alone."}',
  );
});

test('an earlier execution is launched again, with its files and what was changed', async ({ page, server, demo, demoToken, set }) => {
  const agentId = set.agents['catalog-enrichment']!;
  const { uploadFile } = await upload(server, demoToken, agentId);
  const { id } = await launch(demo, {
    agentId,
    executionKey: 'catalog-enrichment',
    input: { skus: ['MUG-001'] },
    fileIds: [uploadFile.file.id],
    labels: ['again'],
  });
  await ended(server, demoToken, id);
  await page.goto(`${server.url}/sets/${set.dataSetId}/executions/${id}`);
  await page.getByRole('link', { name: 'Launch again' }).click();
  await expect(page.getByRole('textbox', { name: 'SKU 1' })).toHaveValue('MUG-001');
  await expect(page.getByRole('list', { name: 'Chosen files' })).toContainText('data-sheet.csv');
  await page.getByRole('tab', { name: 'JSON' }).click();
  const json = page.getByRole('textbox', { name: 'Input as JSON' });
  await json.fill('{"skus": [');
  await expect(page.getByText('This is not JSON')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Launch', exact: true })).toBeDisabled();
  await json.fill('{"additional_instructions": "Again.", "skus": ["MUG-002"]}');
  await page.getByRole('button', { name: 'Launch', exact: true }).click();
  await expect(page).not.toHaveURL(/launch/);
  const { executions } = await demo(INPUT, { filter: { labels: ['again'] } });
  expect(executions.totalCount).toBe(2);
  // Whoever writes JSON has their own order.
  expect(JSON.stringify(executions.nodes[0].input)).toBe('{"additional_instructions":"Again.","skus":["MUG-002"]}');
  expect(executions.nodes[0].files).toEqual([{ filename: 'data-sheet.csv' }]);
});

test('a file that is not taken is not launched without', async ({ page, server, set }) => {
  await page.goto(`${server.url}/sets/${set.dataSetId}/launch?agent=${set.agents['catalog-enrichment']}`);
  await page.locator('input[type=file]').setInputFiles({ name: 'program.exe', mimeType: 'application/octet-stream', buffer: Buffer.from('no document') });
  await expect(page.getByText(/Only .*\.csv.* files are taken here\./)).toBeVisible();
  await page.getByRole('button', { name: 'Launch', exact: true }).click();
  await expect(page.getByText('program.exe did not go up: try it again, or remove it.')).toBeVisible();
  await page.getByRole('button', { name: 'Remove program.exe' }).click();
  await page.getByRole('button', { name: 'Launch', exact: true }).click();
  await expect(page).toHaveURL(/\/executions\/exe_[0-9a-f]+$/);
});

test('a session that ended leads back to where one was', async ({ page, context, server, demoToken, set, complaints }) => {
  complaints.expect(/401/);
  const address = `/sets/${set.dataSetId}/launch?agent=${set.agents['catalog-enrichment']}`;
  await page.goto(server.url + address);
  await expect(page.getByText('Choose files')).toBeVisible();
  await context.clearCookies();
  await page.getByRole('button', { name: 'Launch', exact: true }).click();
  await expect(page).toHaveURL(/\/sign-in\?next=/);
  await page.getByLabel('Token').fill(demoToken);
  await page.getByLabel('Token').press('Enter');
  await expect(page).toHaveURL(server.url + address);
  await expect(page.getByText('Choose files')).toBeVisible();
});
