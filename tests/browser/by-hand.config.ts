// What is measured by hand, and takes minutes: `npm run by-hand`, with BINARY a release build.
import base from './playwright.config.ts';
import { defineConfig } from '@playwright/test';

export default defineConfig({
  ...base,
  testDir: './by-hand',
  workers: 1,
  timeout: 30 * 60_000,
  // Recording takes pictures of the page all the time, which is what is measured then.
  use: { ...base.use, trace: 'off' },
});
