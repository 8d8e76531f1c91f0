// The examples of docs/clients.md, as they stand there: each says in comments what it answers.

import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { root, startServer, type Server } from './server.ts';
import { until } from './waiting.ts';

describe('docs/clients.md', () => {
  let server: Server;
  let home: string;
  before(async () => {
    server = await startServer();
    // The examples name files of the project, and leave one of their own.
    home = mkdtempSync(join(tmpdir(), 'agentic-docs.'));
    symlinkSync(join(root, 'definitions'), join(home, 'definitions'));
  });
  after(async () => {
    rmSync(home, { recursive: true });
    await server.stop();
  });
  const run = (command: string, args: readonly string[], input = '') => {
    const env = { ...process.env, URL: server.url, TOKEN: server.token };
    const { status, stdout, stderr, error } = spawnSync(command, args, { env, input, cwd: home, encoding: 'utf8', timeout: 600_000 });
    assert.equal(status, 0, `${error ?? ''}${stderr}\n${stdout}`);
    return stdout;
  };

  const hasEnded = async (id: string) => {
    const query = 'query ($id: ID!) { execution(id: $id) { isTerminal } }';
    return (await server.ask<{ execution: { isTerminal: boolean } }>(query, { id })).execution.isTerminal;
  };

  test('the commands answer what they say', () => {
    const blocks = JSON.parse(readFileSync('dist/docs/story.json', 'utf8')) as string[];
    assert.ok(blocks.length >= 8);
    // One shell for all, as a reader has it; after each command that says what it answers, a mark.
    const script = blocks.join('\n').replaceAll(/^((?:# → .*\n)+)/gm, "printf '\\n=====\\n'\n");
    const answers = run('bash', ['-eu'], script).split('\n=====\n');
    const promises = [...blocks.join('\n').matchAll(/(?:^# → .*\n)+/gm)].map(([lines]) =>
      lines.trim().split('\n').map((line) => line.replace('# → ', '')),
    );
    assert.equal(answers.length, promises.length + 1);
    for (const [at, promised] of promises.entries()) {
      for (const text of promised) {
        assert.ok(answers[at]?.includes(text), `${JSON.stringify(text)} is not in\n${answers[at]}`);
      }
    }
  });

  test('the programs run', async () => {
    const programs = readdirSync('dist/tests/clients/src/docs').filter((name) => name.endsWith('.js'));
    assert.ok(programs.length >= 1);
    for (const name of programs) {
      let isOver = false;
      const env = { ...process.env, URL: server.url, TOKEN: server.token };
      const program = promisify(execFile)(process.execPath, [join(process.cwd(), 'dist/tests/clients/src/docs', name)], {
        env,
        timeout: 300_000,
      }).finally(() => (isOver = true));
      // It follows what happens: something happens, one thing after the other, until it has seen it.
      const world = until(async () => {
        if (isOver) return true;
        const id = await server.launch('noop');
        await until(async () => isOver || (await hasEnded(id)), 'the execution ends');
        return isOver;
      }, 'the program ends', 300_000);
      assert.match((await program).stdout, /FINISHED\n$/);
      await world;
    }
  });
});
