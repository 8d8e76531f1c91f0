// Lighthouse on the history, signed in: `npm run by-hand -- lighthouse`. Wants the package lighthouse, which npx fetches.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { api, ended, launch } from '../src/api.ts';
import { expect, test } from '../src/world.ts';

for (const preset of ['desktop', 'mobile']) {
  test(`lighthouse, ${preset}`, async ({ page, server, demoToken, set }) => {
    const demo = api(server, demoToken);
    for (let number = 0; number < 30; number += 1) {
      const { id } = await launch(demo, { agentId: set.agents.trials!, executionKey: number % 3 ? 'noop' : 'stubborn' });
      if (number === 29) await ended(server, demoToken, id);
    }
    const cookies = await page.context().cookies();
    const home = mkdtempSync(join(tmpdir(), 'agentic-lighthouse.'));
    try {
      const run = spawnSync(
        'npx',
        [
          '--yes', 'lighthouse', `${server.url}/sets/${set.dataSetId}/executions`,
          '--output=json', `--output-path=${home}/report.json`, '--quiet',
          '--only-categories=performance,accessibility,best-practices',
          ...(preset === 'desktop' ? ['--preset=desktop'] : []),
          '--chrome-flags=--headless --no-sandbox --disable-gpu',
          `--extra-headers=${JSON.stringify({ Cookie: cookies.map(({ name, value }) => `${name}=${value}`).join('; ') })}`,
        ],
        { encoding: 'utf8', env: { ...process.env, CHROME_PATH: process.env.CHROMIUM } },
      );
      expect(run.status, run.stderr).toBe(0);
      const report = JSON.parse(readFileSync(join(home, 'report.json'), 'utf8'));
      const scores = Object.entries(report.categories).map(([name, { score }]: any) => `${name} ${Math.round(score * 100)}`);
      const metric = (name: string) => report.audits[name]?.displayValue;
      console.log(`${preset}: ${scores.join(', ')}; FCP ${metric('first-contentful-paint')}, LCP ${metric('largest-contentful-paint')}, TBT ${metric('total-blocking-time')}, CLS ${metric('cumulative-layout-shift')}`);
      for (const audit of Object.values(report.audits) as any[]) {
        if (audit.score !== null && audit.score < 0.9 && audit.scoreDisplayMode !== 'informative') console.log(`  ${audit.id}: ${audit.score} ${audit.displayValue ?? ''}`);
      }
      // A phone on a slow mobile network is told, not demanded: the bound is for localhost.
      if (preset === 'desktop') expect(report.categories.performance.score).toBeGreaterThanOrEqual(0.95);
      expect(report.categories.accessibility.score).toBeGreaterThanOrEqual(0.95);
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  });
}
