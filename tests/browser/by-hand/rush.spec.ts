// Five hundred executions change per second: does the history stay usable, and its memory flat?
//
//   MINUTES=10 npm run by-hand -- rush
//
// The frames are the server's own in form and pace (ten a second, fifty changes each), made from a real one and put into
// the page's real socket: no database on a small machine writes as much while a browser runs beside it.
import { api, ended, launch } from '../src/api.ts';
import { expect, live, test } from '../src/world.ts';

const MINUTES = Number(process.env.MINUTES ?? 3);
const FRAME_MS = 100;
const CHANGES = 50;
const POOL = 2_000;

test('500 changes per second', async ({ page, server, demoToken, set }) => {
  const demo = api(server, demoToken);
  let subscription: string | undefined;
  let template: any;
  let cursor = '';
  let send: ((message: string) => void) | undefined;
  await page.routeWebSocket(/\/graphql$/, (socket) => {
    const upstream = socket.connectToServer();
    socket.onMessage((message) => {
      const text = String(message);
      const { type, id, payload } = JSON.parse(text);
      if (type === 'subscribe' && payload.query.includes('executionsChanged')) {
        subscription = id;
        send = (frame) => socket.send(frame);
      }
      upstream.send(message);
    });
    upstream.onMessage((message) => {
      const { type, payload } = JSON.parse(String(message));
      const frame = type === 'next' ? payload.data?.executionsChanged : undefined;
      if (frame) {
        cursor = frame.cursor;
        template ??= frame.changes?.find((change: any) => change.edge)?.edge;
      }
      socket.send(message);
    });
  });
  for (let number = 0; number < 60; number += 1) {
    await launch(demo, { agentId: set.agents.trials!, executionKey: 'noop' });
  }
  await page.goto(`${server.url}/sets/${set.dataSetId}/executions`);
  await live(page);
  const { id } = await launch(demo, { agentId: set.agents.trials!, executionKey: 'noop' });
  await ended(server, demoToken, id);
  await expect.poll(() => template !== undefined).toBe(true);

  // Input delays as the browser counts them, from the event to its handler.
  await page.evaluate(() => {
    const delays: number[] = [];
    (window as any).delays = delays;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as PerformanceEventTiming[]) {
        if (entry.name === 'keydown' || entry.name === 'pointerdown') delays.push(entry.processingStart - entry.startTime);
      }
    }).observe({ type: 'event', buffered: false, durationThreshold: 16 } as PerformanceObserverInit);
  });

  // Some of these are on the screen, most are not; one in five is new.
  const statuses = ['PENDING', 'IN_PROGRESS', 'FINISHED', 'FAILED'];
  const pool = Array.from({ length: POOL }, () => ({ id: fresh(), revision: 1, createdAt: new Date().toISOString() }));
  let sent = 0;
  const feed = setInterval(() => {
    const changes = Array.from({ length: CHANGES }, (_, place) => {
      const isNew = place % 5 === 0;
      const at = Math.floor(Math.random() * POOL);
      if (isNew) pool[at] = { id: fresh(), revision: 0, createdAt: new Date().toISOString() };
      const one = pool[at]!;
      one.revision += 1;
      const node = {
        ...template.node,
        id: one.id,
        revision: one.revision,
        createdAt: one.createdAt,
        status: statuses[one.revision % statuses.length],
      };
      return {
        __typename: isNew ? 'ExecutionEntered' : 'ExecutionUpdated',
        edge: { ...template.edge, __typename: 'ExecutionEdge', cursor: template.cursor, node },
      };
    });
    sent += changes.length;
    const data = { executionsChanged: { __typename: 'ExecutionsChange', cursor, resync: false, changes, totalCount: null, statusCounts: null } };
    send?.(JSON.stringify({ id: subscription, type: 'next', payload: { data } }));
  }, FRAME_MS);

  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.enable');
  const heap = async () => {
    await session.send('HeapProfiler.collectGarbage');
    const { usedSize } = await session.send('Runtime.getHeapUsage');
    return usedSize / 1e6;
  };
  const search = page.getByRole('searchbox').first();
  const began = Date.now();
  const heaps: number[] = [];
  while (Date.now() - began < MINUTES * 60_000) {
    await search.pressSequentially('exe_', { delay: 60 });
    await search.press('Escape');
    for (let one = 0; one < 4; one += 1) await search.press('Backspace');
    await page.mouse.wheel(0, 300);
    await page.waitForTimeout(400);
    await page.mouse.wheel(0, -300);
    if (Date.now() - began >= heaps.length * 30_000) heaps.push(await heap());
  }
  clearInterval(feed);
  const seconds = (Date.now() - began) / 1_000;
  const delays: number[] = await page.evaluate(() => (window as any).delays);
  delays.sort((one, other) => one - other);
  const at = (part: number) => Number((delays[Math.floor((delays.length - 1) * part)] ?? 0).toFixed(1));
  console.log(`${Math.round(sent / seconds)} changes per second for ${Math.round(seconds)} s`);
  console.log(`input delay over ${delays.length} slow events: median ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms, worst ${at(1)} ms`);
  console.log(`heap every 30 s, MB: ${heaps.map((one) => one.toFixed(1)).join(' ')}`);
  expect(at(0.99)).toBeLessThan(100);
  const [, settled = 0] = heaps;
  expect(heaps.at(-1)).toBeLessThan(settled * 1.25 + 5);
});

let counted = 0;
/** An id that sorts as a new one. */
function fresh(): string {
  counted += 1;
  const time = Date.now().toString(16).padStart(12, '0');
  return `exe_${time}7${String(counted % 1000).padStart(3, '0')}8${counted.toString(16).padStart(15, '0')}`;
}
