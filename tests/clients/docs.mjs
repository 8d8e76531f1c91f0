// Takes the examples out of docs/clients.md: bash into dist/docs/story.json, TypeScript into src/docs/, to be compiled
// with everything else. docs.test.ts runs them.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const page = readFileSync(here('../../docs/clients.md'), 'utf8');
const blocks = [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language, text]) => ({ language, text }));
const of = (language) => blocks.filter((block) => block.language === language).map(({ text }) => text);

rmSync(here('src/docs'), { recursive: true, force: true });
mkdirSync(here('src/docs'), { recursive: true });
for (const [at, text] of of('ts').entries()) {
  writeFileSync(here(`src/docs/example-${at}.ts`), text.replaceAll("'…/clients/src/", "'../../../../clients/src/"));
}
mkdirSync(here('dist/docs'), { recursive: true });
writeFileSync(here('dist/docs/story.json'), JSON.stringify(of('bash')));
const unknown = blocks.filter(({ language }) => !['bash', 'ts'].includes(language));
if (unknown.length > 0) throw new Error(`docs/clients.md has an example that nothing runs: ${unknown[0].language}`);
