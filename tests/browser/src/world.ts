// What every browser test stands on: a server of its own file, a signed-in page, and a watch over what no page may do.
//
// The watch is always on: a refusal of the Content-Security-Policy, an error in the console or in the page, or a request
// to anywhere else fails the test, whatever it is about. To expect one, see `complaints.expect`.
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AxeBuilder } from '@axe-core/playwright';
import { type BrowserContext, expect, type Locator, type Page, test as base } from '@playwright/test';
import { api, type Api, type Stage, stage, stageOf } from './api.ts';
import { type Server, startServer } from './server.ts';

export { expect };

const artefacts = resolve(
  process.env.BROWSER_ARTEFACTS ?? fileURLToPath(new URL('../../../target/browser', import.meta.url)),
);

interface Worker {
  server: Server;
  /** The API as the demo's user. */
  demo: Api;
  demoToken: string;
  /** The API as the server's admin. */
  admin: Api;
  set: Stage;
}

interface Each {
  /** Who is signed in: the demo's user, or the server's admin. */
  as: 'demo' | 'admin';
  complaints: Complaints;
  /** A page on which they are signed in. */
  page: Page;
  /** A data set of this test alone: nothing changes in it that other tests left running. */
  ownSet: Stage;
}

export const test = base.extend<Each, Worker>({
  server: [
    async ({}, use) => {
      const server = await startServer();
      await use(server);
      await server.stop();
    },
    { scope: 'worker' },
  ],
  demoToken: [async ({ server }, use) => use(server.token('demo')), { scope: 'worker' }],
  demo: [async ({ server, demoToken }, use) => use(api(server, demoToken)), { scope: 'worker' }],
  admin: [async ({ server }, use) => use(api(server, server.adminToken)), { scope: 'worker' }],
  set: [async ({ demo }, use) => use(await stage(demo)), { scope: 'worker' }],
  as: ['demo', { option: true }],
  ownSet: async ({ admin, demo }, use, info) => use(await stageOf(admin, demo, `Stage of ${info.testId}`)),
  complaints: async ({ context }, use) => {
    const complaints = new Complaints(context);
    await use(complaints);
    complaints.check();
  },
  page: async ({ context, server, demoToken, as, complaints }, use, info) => {
    void complaints;
    await signIn(context, server, as === 'admin' ? server.adminToken : demoToken);
    const page = await context.newPage();
    await use(page);
    // Where only what was printed is kept, it says what the page showed.
    if (info.status !== info.expectedStatus && !page.isClosed()) {
      console.log(`${info.title}: ${page.url()} showed\n${await page.locator('body').ariaSnapshot()}`);
    }
  },
});

/** Signs a browser in as the dashboard does, without its page. */
export async function signIn(context: BrowserContext, server: Pick<Server, 'url'>, token: string): Promise<void> {
  const answer = await context.request.post(new URL('/graphql', server.url).href, {
    headers: { Origin: server.url },
    data: {
      query: `mutation($token: String!) {
        signIn(input: { token: $token }) { session { id } errors { ... on UserError { message } } }
      }`,
      variables: { token },
    },
  });
  const { data, errors } = await answer.json();
  if (!data?.signIn.session) throw new Error(`not signed in: ${JSON.stringify(errors ?? data)}`);
}

/** What went wrong on any page of a context. */
export class Complaints {
  readonly #found: string[] = [];
  // A socket that does not open within seconds is given up, as on a machine that stands still for so long: see `live`.
  readonly #expected: RegExp[] = [/WebSocket is closed before the connection is established/];

  constructor(context: BrowserContext) {
    context.on('console', (message) => {
      if (message.type() === 'error') this.#found.push(`console: ${message.text()}`);
    });
    context.on('weberror', (error) => this.#found.push(`page: ${error.error().stack ?? error.error().message}`));
    context.on('request', (request) => {
      const { protocol, hostname } = new URL(request.url());
      if (/^(https?|wss?):$/.test(protocol) && hostname !== '127.0.0.1') this.#found.push(`elsewhere: ${request.url()}`);
    });
  }

  /** What this test provokes: a refused socket, for example, which browsers write into the console. */
  expect(pattern: RegExp): void {
    this.#expected.push(pattern);
  }

  check(): void {
    expect(this.#found.filter((one) => !this.#expected.some((pattern) => pattern.test(one)))).toEqual([]);
  }
}

/** The badge that says how the page is connected. Narrow pages have one more, in their navigation. */
export function connection(page: Page, how: 'live' | 'sse' | 'polling' | 'reconnecting'): Locator {
  return page.locator(`[data-connection=${how}]`).filter({ visible: true });
}

/** Waits until the page is live. Where a machine stands still for the five seconds that a WebSocket may take to open,
 * the page goes by server-sent events, and looks for something better after 45 to 75 seconds. */
export async function live(page: Page): Promise<void> {
  await expect(connection(page, 'live')).toBeVisible({ timeout: 150_000 });
}

/** Waits for a span in which the page asks for nothing. What was under way, and what follows from it, may come before;
 * a page that asks again and again, oftener than that, never comes to rest. */
export async function comesToRest(page: Page, spanMs: number): Promise<void> {
  const asked = requestsOf(page);
  const end = Date.now() + 120_000;
  for (let [seen, since] = [0, Date.now()]; Date.now() - since < spanMs; await page.waitForTimeout(100)) {
    if (asked.length !== seen) [seen, since] = [asked.length, Date.now()];
    if (Date.now() > end) throw new Error(`the page asks and asks: ${asked.map(({ what }) => what).join(', ')}`);
  }
}

/** Keeps a picture of a page, for whoever changed it to look at. A page never scrolls sideways. */
export async function shoot(page: Page, name: string): Promise<void> {
  // Polled, for a window that was made narrower is laid out again a moment later.
  const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await expect.poll(overflow, `${name}: the page scrolls sideways`).toBeLessThanOrEqual(0);
  const folder = join(artefacts, 'screens');
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

/** No violation that axe knows of, in the state that the page is in. */
export async function expectAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
  expect(
    violations.map(({ id, help, nodes }) => ({ id, help, where: nodes.slice(0, 5).map((node) => node.html.slice(0, 200)) })),
  ).toEqual([]);
}

/** The requests that a page makes from now on; the socket is none of them, for it is opened once. */
export function requestsOf(page: Page): { url: string; what: string }[] {
  const seen: { url: string; what: string }[] = [];
  page.on('request', (request) => {
    const operation = /"operationName":"(\w+)"/.exec(request.postData() ?? '')?.[1] ?? '';
    seen.push({ url: request.url(), what: `${request.method()} ${new URL(request.url()).pathname} ${operation}`.trim() });
  });
  page.on('websocket', (socket) => seen.push({ url: socket.url(), what: 'a new WebSocket' }));
  return seen;
}
