// A proxy between browser and server that breaks streams as real ones do: refuses the WebSocket's upgrade or never
// answers it, refuses server-sent events or keeps them to itself, or is gone altogether.
import { createServer, request, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

export interface Proxy {
  url: string;
  /** Where requests go. */
  target: string;
  /** Answers an upgrade with 502. */
  refuseWebSocket: boolean;
  /** Takes an upgrade and never answers it. */
  hangWebSocket: boolean;
  /** Answers whoever asks for events with 502. */
  refuseEvents: boolean;
  /** Holds server-sent events back for ever, as a buffering proxy does. */
  holdEvents: boolean;
  /** Cuts what is open and takes nothing new. */
  isDown: boolean;
  /** Cuts what is open. */
  cut(): void;
  /** How many upgrades were asked for. */
  upgrades: number;
  /** How many streams of events went through. */
  eventStreams: number;
  /** How many queries and mutations were asked for. */
  queries: number;
  stop(): Promise<void>;
}

export async function startProxy(): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const server = createServer((incoming, answer) => {
    const wantsEvents = (incoming.headers.accept ?? '').startsWith('text/event-stream');
    if (wantsEvents && proxy.refuseEvents) {
      incoming.resume();
      answer.writeHead(502).end();
      return;
    }
    if (!wantsEvents && incoming.url === '/graphql') proxy.queries += 1;
    const onward = request(
      new URL(incoming.url ?? '/', proxy.target),
      { method: incoming.method ?? 'GET', headers: incoming.headers },
      (response) => {
        const isStream = (response.headers['content-type'] ?? '').startsWith('text/event-stream');
        if (isStream && proxy.holdEvents) {
          // Taken in and never passed on; not even the head.
          response.resume();
          return;
        }
        if (isStream) proxy.eventStreams += 1;
        answer.writeHead(response.statusCode ?? 502, response.headers);
        if (isStream) answer.flushHeaders();
        response.pipe(answer);
      },
    );
    onward.on('error', () => answer.destroy());
    answer.on('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  server.on('connection', (socket) => {
    if (proxy.isDown) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  });
  server.on('upgrade', (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    proxy.upgrades += 1;
    if (proxy.refuseWebSocket) {
      socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      return;
    }
    if (proxy.hangWebSocket) return;
    const to = new URL(proxy.target);
    const onward = connect(Number(to.port), to.hostname, () => {
      const headers = [];
      for (let at = 0; at < incoming.rawHeaders.length; at += 2) {
        headers.push(`${incoming.rawHeaders[at]}: ${incoming.rawHeaders[at + 1]}`);
      }
      onward.write(`${incoming.method} ${incoming.url} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`);
      onward.write(head);
      onward.pipe(socket);
      socket.pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    onward.on('close', () => socket.destroy());
    socket.on('close', () => onward.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const proxy: Proxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    target: '',
    refuseWebSocket: false,
    hangWebSocket: false,
    refuseEvents: false,
    holdEvents: false,
    isDown: false,
    upgrades: 0,
    eventStreams: 0,
    queries: 0,
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    async stop() {
      proxy.cut();
      await new Promise((closed) => server.close(closed));
    },
  };
  return proxy;
}
