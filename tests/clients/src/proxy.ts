// A TCP proxy before the server, for bad networks: connections are cut, held, or refused by what they ask for.

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Proxy {
  readonly url: string;
  /** How many connections it cut. */
  readonly cuts: number;
  /** Cuts every open connection. */
  cut(): void;
  /** Cuts each connection at a random moment, from now on; 0 stops that. */
  cutWithin(ms: number): void;
  /** Which requests are refused from now on, judged by their first bytes. */
  refuse(judge: (request: string) => boolean): void;
  /** Which requests are taken and never answered from now on. */
  swallow(judge: (request: string) => boolean): void;
  close(): Promise<void>;
}

export const isUpgrade = (request: string): boolean => /^upgrade: websocket/im.test(request);
export const isEventStream = (request: string): boolean => /^accept: text\/event-stream/im.test(request);

export async function startProxy(port: number): Promise<Proxy> {
  const open = new Set<Socket>();
  let within = 0;
  let cuts = 0;
  let refused: (request: string) => boolean = () => false;
  let swallowed: (request: string) => boolean = () => false;
  const cutOne = (socket: Socket) => {
    if (socket.destroyed) return;
    cuts += 1;
    socket.destroy();
  };
  const server = createServer((client) => {
    open.add(client);
    const upstream = connect(port, '127.0.0.1');
    const end = () => {
      clearTimeout(timer);
      open.delete(client);
      client.destroy();
      upstream.destroy();
    };
    const timer = within > 0 ? setTimeout(() => cutOne(client), Math.random() * within) : undefined;
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
    let isSilent = false;
    client.on('data', (bytes: Buffer) => {
      const text = bytes.toString('latin1');
      if (/^(GET|POST) /.test(text)) {
        if (refused(text)) return end();
        isSilent = swallowed(text);
      }
      if (!isSilent) upstream.write(bytes);
    });
    upstream.on('data', (bytes: Buffer) => void client.write(bytes));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return {
    url: `http://127.0.0.1:${address.port}/graphql`,
    get cuts() {
      return cuts;
    },
    cut: () => open.forEach(cutOne),
    cutWithin: (ms) => {
      within = ms;
      if (ms > 0) for (const socket of open) setTimeout(() => cutOne(socket), Math.random() * ms);
    },
    refuse: (judge) => {
      refused = judge;
    },
    swallow: (judge) => {
      swallowed = judge;
    },
    async close() {
      open.forEach((socket) => socket.destroy());
      server.close();
      await once(server, 'close');
    },
  };
}
