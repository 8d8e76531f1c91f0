// The playground: every starter runs as it is offered, and a link to an operation opens it.
import { ended, launch } from './api.ts';
import { expect, test } from './world.ts';

test('every starter runs as it is offered', async ({ page, server, demo, demoToken, set }) => {
  const { id } = await launch(demo, { agentId: set.agents.trials!, executionKey: 'noop' });
  await ended(server, demoToken, id);
  await page.goto(`${server.url}/graphiql`);
  const starters = page.getByRole('region', { name: 'Starters' }).getByRole('button');
  await expect(starters.first()).toBeEnabled();
  const titles = await starters.locator('strong').allInnerTexts();
  expect(titles.length).toBeGreaterThanOrEqual(8);
  const answer = page.locator('.graphiql-response');
  for (const title of titles) {
    await test.step(title, async () => {
      const tabs = await page.locator('.graphiql-tab').count();
      await starters.filter({ hasText: title }).click();
      await expect(page.locator('.graphiql-tab')).toHaveCount(tabs + 1);
      await expect(page.getByRole('region', { name: 'Variables' })).toContainText('{');
      await page.getByRole('button', { name: /Execute query|Stop query/ }).click();
      await expect(answer).toContainText('"data"');
      // A refusal stands in the payload and is an answer; these are of requests that were wrong.
      await expect(answer).not.toContainText(/"code": "(BAD_|INTERNAL|NOT_FOUND|LIMIT_|FORBIDDEN|UNAUTH|GRAPHQL_)/);
      // A stream goes on until it is stopped; what has ended by itself meanwhile has no such button any more.
      const [stop, execute] = [/Stop query/, /Execute query/].map((name) => page.getByRole('button', { name }));
      await expect(async () => {
        if (await stop!.isVisible()) await stop!.click({ timeout: 5_000 });
        await expect(execute!).toBeVisible({ timeout: 5_000 });
      }).toPass({ timeout: 60_000 });
    });
  }
});

test('a link to an operation opens it, variables and all', async ({ page, context, server }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: server.url });
  const query = 'query Who($n: Int) { viewer { name } agents(first: $n) { nodes { name } } }';
  await page.goto(`${server.url}/graphiql?${new URLSearchParams({ query, variables: '{"n": 1}' })}`);
  await expect(page.locator('.view-lines').first()).toContainText('agents');
  await page.getByRole('button', { name: 'Copy a link to this operation' }).click();
  // That it was copied is said for moments.
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  await expect.poll(copied).toContain(`${server.url}/graphiql?`);
  const link = await copied();
  const other = await context.newPage();
  await other.goto(link);
  await expect(other.locator('.view-lines').first()).toContainText('agents');
  await other.getByRole('button', { name: /Execute query/ }).click();
  await expect(other.locator('.graphiql-response')).toContainText('Catalog enrichment');
});

test('whoever is not signed in comes back to the operation', async ({ browser, server }) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${server.url}/graphiql?query=${encodeURIComponent('{ viewer { name } }')}`);
  await expect(page).toHaveURL(/\/sign-in\?next=%2Fgraphiql%3Fquery%3D/);
  await context.close();
});
