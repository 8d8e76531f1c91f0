// The real binary on a fresh SQLite database and a free port. It prints its address once it listens.
//
// Each server has a folder of its own and is gone, with the folder, when `stop` returns. Nothing here knows a page.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const project = resolve(fileURLToPath(new URL('../../..', import.meta.url)));
const binary = process.env.BINARY ?? join(project, 'target/debug/agentic-executions');
const artefacts = resolve(process.env.BROWSER_ARTEFACTS ?? join(project, 'target/browser'));

export interface Options {
  /** Where browsers reach it, when that is not where it listens. */
  publicUrl?: string;
  /** The models that it may run on, beside the rehearsal: the text of a models file. */
  models?: string;
  /** What starts it sees a terminal, and so gets the one-time link. */
  terminal?: boolean;
}

/** A server that runs, with the token of its first admin. */
export interface Server {
  url: string;
  /** Where it listens; `url` unless browsers reach it elsewhere. */
  listens: string;
  adminToken: string;
  /** The one-time link; only with `terminal`. */
  link: string | undefined;
  /** A token of one of its users, made on the command line. */
  token(user: string): string;
  /** Ends it as an operator would, and starts it again on the same database and port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startServer(options: Options = {}): Promise<Server> {
  const home = mkdtempSync(join(tmpdir(), 'agentic-browser.'));
  mkdirSync(artefacts, { recursive: true });
  const adminToken = randomBytes(32).toString('hex');
  if (options.models) writeFileSync(join(home, 'models.toml'), options.models);
  const env = {
    ...process.env,
    ...(options.models ? { AGENTIC_MODELS: join(home, 'models.toml') } : {}),
    DATABASE_URL: `sqlite://${home}/rows.db`,
    AGENTIC_FILES_URL: `file://${home}/files`,
    AGENTIC_DEFINITIONS: join(project, 'tests/definitions'),
    AGENTIC_GRACE: '2s',
    ...(options.publicUrl ? { AGENTIC_PUBLIC_URL: options.publicUrl } : {}),
    // With a link there is to be no admin yet.
    ...(options.terminal ? {} : { AGENTIC_BOOTSTRAP_TOKEN: adminToken }),
  };
  const log = createWriteStream(join(artefacts, `server-${process.pid}-${Date.now()}.log`));
  let listen = '';
  let running = await again(async () => {
    listen = `127.0.0.1:${await freePort()}`;
    return start(env, listen, log, options.terminal ?? false);
  });
  return {
    url: options.publicUrl ?? running.url,
    listens: `http://${listen}`,
    adminToken,
    link: running.link,
    token(user) {
      const made = spawnSync(binary, ['token', 'create', '--user', user], { env, encoding: 'utf8' });
      if (made.status !== 0) throw new Error(`no token for ${user}: ${made.stderr}`);
      return made.stdout.trim();
    },
    async restart() {
      await running.end();
      running = await again(() => start(env, listen, log, false));
    },
    async stop() {
      await running.end();
      log.end();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Taken by us and not by the server, for it says where browsers reach it, and that may be a proxy. */
async function freePort(): Promise<number> {
  const taken = createServer();
  await new Promise<void>((listening) => taken.listen(0, '127.0.0.1', listening));
  const { port } = taken.address() as AddressInfo;
  await new Promise((closed) => taken.close(closed));
  return port;
}

/** Somebody else has the port for a moment: any connection of this machine's may be given it. */
class Taken extends Error {}

async function again(attempt: () => Promise<Running>): Promise<Running> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Taken) || Date.now() > deadline) throw error;
      await new Promise((next) => setTimeout(next, 200));
    }
  }
}

interface Running {
  url: string;
  link: string | undefined;
  end(): Promise<void>;
}

async function start(
  env: NodeJS.ProcessEnv,
  listen: string,
  log: NodeJS.WritableStream,
  terminal: boolean,
): Promise<Running> {
  // `script` gives it a terminal, and both of its outputs come out of one end.
  const child = terminal
    ? spawn('script', ['-qfec', `'${binary}' --listen ${listen}`, '/dev/null'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    : spawn(binary, ['--listen', listen], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    // The link is a secret: it is not written down.
    if (!terminal) log.write(chunk);
  });
  let complained = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complained += chunk.toString();
    log.write(chunk);
  });
  // eslint-disable-next-line no-control-regex
  const plain = () => said.replace(/\x1b\[[0-9;]*m/g, '');
  await until(child, () => /^http:\/\/[^\s#]+\s*$/m.test(plain())).catch((error: unknown) => {
    if (/address (already )?in use/i.test(complained + plain())) throw new Taken(listen, { cause: error });
    throw error;
  });
  const url = /^(http:\/\/[^\s#]+)\s*$/m.exec(plain())![1]!;
  if (terminal) await until(child, () => /http:\/\/\S+#\S+/.test(plain()));
  return {
    url,
    link: /http:\/\/\S+#\S+/.exec(plain())?.[0],
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((done) => child.once('exit', done));
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await ended;
      clearTimeout(killer);
    },
  };
}

async function until(child: ChildProcess, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!holds()) {
    // What it has printed is all here once its pipes are closed, too.
    if (child.exitCode !== null && child.stderr?.closed) {
      throw new Error(`the server ended with ${child.exitCode}: see its log in ${artefacts}`);
    }
    if (Date.now() > deadline) throw new Error(`the server did not say where it listens: see its log in ${artefacts}`);
    await new Promise((next) => setTimeout(next, 20));
  }
}
