#!/usr/bin/env node
// What is meant to hurt, each refused within 100 ms while the requests of others go on as before.
//   HTTP_URL=http://127.0.0.1:8000/graphql node hostile.mjs [--only=..] [--json=f]
// Bodies are built beforehand and others ask from a thread of their own, so that the times are the server's.
import http from 'node:http';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { cfg, runner, assert, best, sleep } from './config.mjs';

const MAX_MS = Number(process.env.HOSTILE_MS ?? 100);
const J = 'application/json';
function send(url, body, headers, agent) {
  return new Promise((resolve, reject) => {
    const begin = performance.now();
    const request = http.request(url, { method: 'POST', agent, headers: { accept: 'application/graphql-response+json', 'content-length': body.length, ...headers } }, (response) => {
      const ms = performance.now() - begin; const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', () => resolve({ status: response.statusCode, ms, text: '' }));
      response.on('end', () => resolve({ status: response.statusCode, ms, text: String(Buffer.concat(chunks)) }));
    });
    request.on('error', (e) => reject(Object.assign(e, { ms: performance.now() - begin })));
    request.end(body);
  });
}

if (!isMainThread) {
  // The others: one small query after the other; tells the longest wait when asked.
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 }); let longest = 0;
  parentPort.on('message', () => { parentPort.postMessage(longest); longest = 0; });
  const body = Buffer.from(JSON.stringify({ query: '{ __typename }' }));
  for (;;) { const r = await send(workerData, body, { 'content-type': J }, agent); longest = Math.max(longest, r.ms); await sleep(1); }
}

const { check, finish } = runner('hostile');
const others = new Worker(new URL(import.meta.url), { workerData: cfg.http });
const longest = () => new Promise((resolve) => { others.once('message', resolve); others.postMessage(''); });
const json = (o) => [Buffer.from(JSON.stringify(o)), { 'content-type': J }];
const document = (query) => json({ query });
const times = (n, f) => Array.from({ length: n }, (_, i) => f(i)).join(' ');
const form = (bytes) => [Buffer.concat([
  Buffer.from(`--b\r\nContent-Disposition: form-data; name="operations"\r\n\r\n${JSON.stringify({ query: cfg.ops.upload ?? '', variables: { f: null } })}\r\n--b\r\nContent-Disposition: form-data; name="map"\r\n\r\n{"0":["variables.f"]}\r\n--b\r\nContent-Disposition: form-data; name="0"; filename="a"\r\n\r\n`),
  Buffer.alloc(bytes, 97), Buffer.from('\r\n--b--\r\n')]), { 'content-type': 'multipart/form-data; boundary=b', 'graphql-require-preflight': '1' }];
await sleep(300); await longest();

async function refused(id, title, [body, headers], statuses) {
  await check(id, 'MUST', title, async () => {
    const { r, wait } = await best(async () => {
      await send(cfg.http, json({ query: '{ __typename }' })[0], { 'content-type': J }); await longest();
      let r; try { r = await send(cfg.http, body, headers); } catch (e) { throw new Error(`${e.code} after ${e.ms.toFixed(0)} ms: the client does not get to see the refusal`); }
      await sleep(20); const wait = await longest();
      assert(statuses.includes(r.status), `HTTP ${r.status} ${r.text.slice(0, 100)}`);
      assert(JSON.parse(r.text).errors?.[0]?.extensions?.code, 'no code');
      return { r, wait };
    }, ({ r, wait }) => r.ms < MAX_MS && wait < MAX_MS);
    assert(r.ms < MAX_MS, `${r.ms.toFixed(0)} ms`); assert(wait < MAX_MS, `others waited ${wait.toFixed(0)} ms`);
    return `${r.ms.toFixed(1)} ms; others at most ${wait.toFixed(1)} ms`;
  });
}
const bomb = (n, inner) => '{ ...F0 }' + times(n, (i) => ` fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`) + ` fragment F${n} on Query { ${inner} }`;
await refused('bomb-30', 'a fragment bomb of 30 levels', document(bomb(30, '__typename')), [400]);
await refused('bomb-fields', 'one of 20 levels below fields', document('{ __schema { ...F0 } }' + times(20, (i) => ` fragment F${i} on __Schema { a: queryType { name } ...F${i + 1} ...F${i + 1} }`) + ' fragment F20 on __Schema { __typename }'), [400]);
await refused('chain', 'a chain of 1500 fragments', document('{ ...F0 }' + times(1500, (i) => ` fragment F${i} on Query { ...F${i + 1} }`) + ' fragment F1500 on Query { __typename }'), [400]);
await refused('aliases', '20,000 aliases', document(`{${times(20000, (i) => `a${i}: __typename`)}}`), [400]);
await refused('aliases-short', '8,000 aliases in a short document', document(`{${times(8000, (i) => `a${i}:__typename`).slice(0, 120000).replace(/\S*$/, '')}}`), [400]);
await refused('batch', 'a batch of 1,000', json(Array.from({ length: 1000 }, () => ({ query: '{ __typename }' }))), [400, 413]);
await refused('body', 'a body of 16 MiB', json({ query: '{ __typename }', variables: { x: 'x'.repeat(16 << 20) } }), [413]);
if (cfg.ops.upload) await refused('file', 'a file of 64 MiB', form(64 << 20), [413]);
await refused('errors', '5,000 errors', document(`{${times(5000, (i) => `x${i}`)}}`), [400]);
await refused('errors-args', '3,000 unknown arguments', document(`{__type(name:"a",${times(3000, (i) => `x${i}:1`)}){name}}`), [400]);
await refused('overlap', '4,000 fields that might overlap', document(`{${times(2000, (i) => '__schema{types{name}}').slice(0, 120000).replace(/\S*$/, '')} x}`), [400]);
await refused('nesting', 'brackets 50,000 deep', document(`{__type(name:${'['.repeat(50000)}${']'.repeat(50000)}){name}}`), [400]);
await refused('json-nesting', 'variables 100,000 deep', [Buffer.from(`{"query":"{__typename}","variables":{"a":${'['.repeat(100000)}${']'.repeat(100000)}}}`), { 'content-type': J }], [400]);
await refused('introspection', 'introspection of fields of fields of fields', document(`{__schema{types{${'fields{type{'.repeat(4)}name${'}}'.repeat(4)}}}}`), [400]);
await others.terminate(); await finish();
