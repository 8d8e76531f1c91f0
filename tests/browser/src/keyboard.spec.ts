// By the keyboard alone, as people do who have no mouse: everything is reached, seen and left again.
import type { Page } from '@playwright/test';
import { ended, launch } from './api.ts';
import { expect, test } from './world.ts';

/** What has the focus, by its name, and whether one sees that it has. */
const focused = (page: Page) =>
  page.evaluate(() => {
    const element = document.activeElement;
    if (!(element instanceof HTMLElement) || element === document.body) return { name: '', isSeen: false };
    const shown = [getComputedStyle(element), getComputedStyle(element, '::after'), getComputedStyle(element.parentElement ?? element)];
    return {
      name: (element.getAttribute('aria-label') ?? element.innerText ?? '').trim().split('\n')[0] ?? '',
      isSeen: shown.some((style) => style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0),
    };
  });

/** Tabs on until something of this name has the focus; every stop on the way is one that is seen. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  const passed: string[] = [];
  for (let stop = 0; stop < 60; stop += 1) {
    await page.keyboard.press('Tab');
    const at = await focused(page);
    // Past the end the browser's own controls follow.
    if (at.name === '' && !at.isSeen) continue;
    expect(at.isSeen, `the focus on "${at.name}" is not seen`).toBe(true);
    if (name.test(at.name)) return;
    passed.push(at.name);
  }
  throw new Error(`${name} is not reached: ${passed.join(' · ')}`);
}

test('an execution is found, read and canceled', async ({ page, server, demo, demoToken, set }) => {
  const done = await launch(demo, { agentId: set.agents.trials!, executionKey: 'stubborn', labels: ['keys'] });
  await ended(server, demoToken, done.id);
  await launch(demo, { agentId: set.agents.trials!, executionKey: 'slow', labels: ['keys'] });
  await page.goto(`${server.url}/sets/${set.dataSetId}/executions?label=keys`);
  await expect(page.locator('[data-status=IN_PROGRESS]')).toHaveCount(1);

  await tabTo(page, /^Skip to the content/);
  await page.keyboard.press('Enter');
  await tabTo(page, /^In progress/);
  await page.keyboard.press('Space');
  await expect(page).toHaveURL(/status=in_progress/);
  await expect(page.locator('[data-status]').and(page.getByRole('table').locator('[data-status]'))).toHaveCount(1);

  await tabTo(page, /^Actions for Slow/);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('menu')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('menu')).toHaveCount(0);
  expect((await focused(page)).name).toMatch(/^Actions for Slow/);
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);

  await page.keyboard.press('Shift+Tab');
  await tabTo(page, /^Slow$|^Actions for Slow/);
  await page.getByRole('link', { name: 'Slow' }).focus();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/executions\/exe_/);
  await expect(page.getByRole('button', { name: 'Cancel', exact: true })).toBeVisible();
  await tabTo(page, /^Cancel$/);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog')).toBeVisible();
  await tabTo(page, /^Cancel execution/);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Canceled');
});

test('tabs and menus go by the arrow keys', async ({ page, server, set }) => {
  await page.goto(`${server.url}/sets/${set.dataSetId}/settings`);
  await page.getByRole('tab', { name: 'Access tokens' }).focus();
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('tab', { name: 'Members' })).toHaveAttribute('aria-selected', 'true');
  await page.getByRole('button', { name: /^Signed in as/ }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('menuitemradio', { name: 'System' }).focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
});
