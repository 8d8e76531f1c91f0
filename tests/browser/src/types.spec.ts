// The page's types are the schema's: a field that leaves schema.graphql fails the page's build.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@playwright/test';

const project = resolve(fileURLToPath(new URL('../../..', import.meta.url)));

test('a field removed from the schema fails the build of the page', () => {
  const copy = mkdtempSync(join(tmpdir(), 'agentic-types.'));
  try {
    cpSync(join(project, 'web'), join(copy, 'web'), {
      recursive: true,
      filter: (path) => !/\/(node_modules|dist|gql)(\/|$)/.test(path.slice(project.length)),
    });
    symlinkSync(join(project, 'web/node_modules'), join(copy, 'web/node_modules'));
    symlinkSync(join(project, 'clients'), join(copy, 'clients'));
    const build = (schema: string) => {
      writeFileSync(join(copy, 'schema.graphql'), schema);
      return spawnSync('npm', ['run', '--silent', 'codegen'], { cwd: join(copy, 'web'), encoding: 'utf8' });
    };
    const schema = readFileSync(join(project, 'schema.graphql'), 'utf8');
    const without = schema.replace(/(\ntype ValidatorRejectedEvent [^]*?)\n  """[^"]*"""\n  feedback: String!/, '$1');
    expect(without.length, 'the schema has the field that this removes').toBeLessThan(schema.length);
    const whole = build(schema);
    expect(whole.status, whole.stdout + whole.stderr).toBe(0);
    const broken = build(without);
    expect(broken.status).not.toBe(0);
    expect(broken.stdout + broken.stderr).toContain('Cannot query field "feedback"');
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
});
