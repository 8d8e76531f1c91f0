// The real binary with its demo, on a database of its own. Each test file starts one and stops it at its end.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

export const root = process.env['PROJECT'] ?? join(process.cwd(), '../..');
export const binary = process.env['BINARY'] ?? join(root, 'target/debug/agentic-executions');

/** A server, and ways to speak to it that are no client library. */
export interface Server {
  readonly url: string;
  readonly port: number;
  /** A token of the demo's user. */
  readonly token: string;
  /** A further one, which may expire: `3s`. */
  newToken(expires?: string): Promise<string>;
  /** A query, as plain as it goes; fails on errors. */
  ask<Data = Record<string, unknown>>(query: string, variables?: Record<string, unknown>): Promise<Data>;
  /** The id of the demo's agent of a type. */
  agent(typeKey: string): Promise<string>;
  /** Launches an execution that ends at once, or one that runs until it is canceled. */
  launch(executionKey: 'noop' | 'slow' | 'stubborn', labels?: readonly string[]): Promise<string>;
  /** The invoice of the samples: a dozen steps, within a second or two. */
  readonly invoice: string;
  stop(): Promise<void>;
}

export async function startServer(environment: Record<string, string> = {}): Promise<Server> {
  const home = await mkdtemp(join(tmpdir(), 'agentic-clients.'));
  const env = {
    ...process.env,
    DATABASE_URL: `sqlite://${home}/rows.db`,
    AGENTIC_FILES_URL: `file://${home}/files`,
    AGENTIC_LISTEN: '127.0.0.1:0',
    AGENTIC_DEFINITIONS: join(root, 'tests/definitions'),
    // Nobody waits for what still runs when a test is over.
    AGENTIC_GRACE: '100ms',
    ...environment,
  };
  const child = spawn(binary, [], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.on('data', (text: Buffer) => (log += text.toString()));
  const exited = once(child, 'exit');
  const [line] = (await Promise.race([
    once(createInterface(child.stdout), 'line'),
    exited.then(() => assert.fail(`the server did not start:\n${log}`)),
  ])) as [string];
  const url = `${line.trim()}/graphql`;
  const newToken = async (expires?: string) => {
    const flags = expires === undefined ? [] : ['--expires', expires];
    const { stdout } = await promisify(execFile)(binary, ['token', 'create', '--user', 'demo', ...flags], { env });
    return stdout.trim();
  };
  const token = await newToken();
  const ask = async <Data>(query: string, variables: Record<string, unknown> = {}): Promise<Data> => {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await answer.json()) as { data: Data; errors?: unknown };
    assert.equal(errors, undefined, JSON.stringify(errors));
    return data;
  };
  const agent = async (typeKey: string) => {
    const { agents } = await ask<{ agents: { nodes: { id: string; agentTypeKey: string }[] } }>(
      '{ agents { nodes { id agentTypeKey } } }',
    );
    const found = agents.nodes.find((one) => one.agentTypeKey === typeKey);
    assert.ok(found, `the demo has no agent of type ${typeKey}`);
    return found.id;
  };
  let trials: Promise<string> | undefined;
  const launch = async (executionKey: string, labels: readonly string[] = []) => {
    trials ??= agent('trials');
    const { launchExecution } = await ask<{ launchExecution: { execution: { id: string } | null; errors: unknown[] } }>(
      `mutation ($input: LaunchExecutionInput!) {
        launchExecution(input: $input) { execution { id } errors { ... on UserError { message } } }
      }`,
      { input: { agentId: await trials, executionKey, labels } },
    );
    assert.ok(launchExecution.execution, JSON.stringify(launchExecution.errors));
    return launchExecution.execution.id;
  };
  return {
    url,
    port: Number(new URL(url).port),
    token,
    newToken,
    ask,
    agent,
    launch,
    invoice: join(root, 'definitions/invoice-scanning/executions/invoice-scanning/samples/invoice.csv'),
    async stop() {
      child.kill('SIGTERM');
      await exited;
      await rm(home, { recursive: true, force: true });
    },
  };
}
