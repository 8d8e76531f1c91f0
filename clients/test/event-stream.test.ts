// Server-sent events, however the network cuts them into pieces.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventsOf, type ServerSentEvent } from '../src/index.ts';

const WRITTEN =
  ':\n\nid: c1\nevent: next\ndata: {"a":"ä"}\n\n: beat\n\nevent: next\r\ndata: one\r\ndata:two\r\n\r\n\nid: c9\n\nevent: complete\ndata:\n\n';
const READ: ServerSentEvent[] = [
  { event: 'next', data: '{"a":"ä"}', id: 'c1' },
  { event: 'next', data: 'one\ntwo', id: 'c1' },
  { event: 'complete', data: '', id: 'c9' },
];

async function read(pieces: Uint8Array[], onBytes?: () => void) {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
  const events: ServerSentEvent[] = [];
  for await (const event of eventsOf(body, onBytes)) events.push(event);
  return events;
}

test('events are read whole, in pieces of any size, with CR, LF or both', async () => {
  const bytes = new TextEncoder().encode(WRITTEN);
  for (let size = 1; size <= bytes.length; size += 1) {
    const pieces = [];
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.slice(at, at + size));
    assert.deepEqual(await read(pieces), READ, `pieces of ${size}`);
  }
});

test('comments are no events, but they are told as a sign of life', async () => {
  let heard = 0;
  assert.deepEqual(await read([new TextEncoder().encode(':\n\n'), new TextEncoder().encode(':\n\n')], () => (heard += 1)), []);
  assert.equal(heard, 2);
});

test('a reader that stops early ends the request', async () => {
  let isCanceled = false;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode('data: x\n\n')),
    cancel: () => {
      isCanceled = true;
    },
  });
  for await (const event of eventsOf(body)) {
    assert.equal(event.data, 'x');
    break;
  }
  assert.equal(isCanceled, true);
});
