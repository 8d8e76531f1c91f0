// Clients that are programs of their own: curl, and a Rust program.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { binary, root, startServer, type Server } from './server.ts';

describe('programs', () => {
  let server: Server;
  before(async () => {
    server = await startServer();
  });
  after(() => server.stop());

  // The server runs in a process of its own, so this one may wait.
  const run = (command: string, ...args: string[]) => {
    const env = { ...process.env, URL: server.url, TOKEN: server.token, PROJECT: root };
    const { status, stdout, stderr, error } = spawnSync(command, args, { env, encoding: 'utf8', timeout: 600_000 });
    assert.equal(status, 0, `${error ?? ''}${stderr}`);
    return stdout;
  };

  test('curl alone launches, follows, resumes and is refused', () => {
    assert.match(run('bash', join(root, 'tests/clients/story.sh')), /^(ok .*\n){18,}$/);
  });

  test('a generated Rust client launches with a file, follows over cuts, and tells refusals apart', () => {
    assert.match(run(join(dirname(binary), 'rust-client'), server.url, server.token, server.invoice), /^launched with a file, followed in \d+ updates over \d+ connections/);
  });
});
