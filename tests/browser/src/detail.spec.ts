// The page of one execution: where its time went, while it runs and after.
import { ended, launch } from './api.ts';
import { expect, expectAccessible, shoot, test } from './world.ts';

test('the steps come one by one, and stay', async ({ page, server, demo, demoToken, set }) => {
  const running = await launch(demo, { agentId: set.agents.trials!, executionKey: 'slow' });
  await page.goto(`${server.url}/sets/${set.dataSetId}/executions/${running.id}`);
  const steps = page.getByRole('list', { name: 'Steps, oldest first' }).getByRole('listitem');
  // The model is asked, and has not answered: its time counts.
  await expect(steps).toHaveCount(1);
  await expect(steps).toContainText(/Model.*\d s/s);
  await page.getByRole('button', { name: 'Cancel', exact: true }).click();
  await page.getByRole('button', { name: 'Cancel execution' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Canceled');

  const { id, conversationId } = await launch(demo, { agentId: set.agents.trials!, executionKey: 'ledger', input: { rounds: 2 } });
  await page.goto(`${server.url}/sets/${set.dataSetId}/executions/${id}`);
  expect(await ended(server, demoToken, id)).toBe('FINISHED');
  await expect(page.getByRole('heading', { level: 1 }).locator('[data-status=FINISHED]')).toBeVisible();
  const { conversation } = await demo(
    `query($id: ID!) { conversation(id: $id) { messages(first: 100) { nodes { role parts { __typename ... on ToolCallPart { tool } } } } } }`,
    { id: conversationId },
  );
  const done = conversation.messages.nodes
    .filter(({ role }: any) => role === 'ASSISTANT')
    .flatMap(({ parts }: any) => ['rehearsal', ...parts.flatMap(({ tool }: any) => (tool ? [tool] : []))]);
  const names = async () => (await steps.allInnerTexts()).map((text) => text.trim().split(/\s+/)[0]).sort();
  await expect.poll(names).toEqual(done.sort());
  await shoot(page, 'detail-steps');
  await expectAccessible(page);
  await page.reload();
  await expect.poll(names).toEqual(done.sort());
});
