// The dashboard in a real browser, against the real binary. `scripts/browser.sh` builds both and says where they are.
//
// No retries: a test that fails now and then is wrong, or has found something.
import { defineConfig } from '@playwright/test';

const target = process.env.BROWSER_ARTEFACTS ?? '../../target/browser';

export default defineConfig({
  testDir: './src',
  outputDir: `${target}/runs`,
  reporter: [['list']],
  workers: 2,
  fullyParallel: false,
  retries: 0,
  forbidOnly: true,
  // A debug build on cores that others use too: what takes longer than this hangs. A wait that ends in time costs nothing.
  timeout: 600_000,
  expect: { timeout: 60_000 },
  use: {
    trace: 'retain-on-failure',
    viewport: { width: 1280, height: 800 },
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    launchOptions: {
      executablePath: process.env.CHROMIUM,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        // Nothing but this machine can be reached: what a page wants from elsewhere fails, and fails the test.
        '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
      ],
    },
  },
});
