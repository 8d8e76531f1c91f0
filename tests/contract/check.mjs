// Holds schema.graphql against contract.graphql, and lints it. Usage: node check.mjs [SCHEMA]
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import graphqlPlugin from '@graphql-eslint/eslint-plugin';
import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { ESLint } from 'eslint';
import { buildSchema, validateSchema } from 'graphql';
import { lint } from '../../wire/conformance/lint.mjs';
import { later } from './later.mjs';
import { badReasons, breaks } from './released.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const file = process.argv[2] ?? here('../../schema.graphql');
const sdl = readFileSync(file, 'utf8');
let passed = 0;
let failed = 0;
const check = (title, problems) => {
  if (problems.length) failed += 1; else passed += 1;
  console.log(`${problems.length ? 'FAIL' : 'ok  '} ${title}`);
  for (const problem of problems) console.log(`     ${problem}`);
};

const schema = buildSchema(sdl);
check('the schema is valid', validateSchema(schema).map((error) => error.message));

const contract = buildSchema(readFileSync(here('contract.graphql'), 'utf8'));
const changes = await diff(contract, schema);
const breaking = changes.filter((change) => change.criticality.level === CriticalityLevel.Breaking);
const isLater = (change) => /^(TYPE|FIELD)_REMOVED$/.test(change.type) && later.has(change.path);
check('no client of the contract breaks', breaking.filter((change) => !isLater(change)).map((change) => `${change.path}: ${change.message}`));

// What graphql-inspector calls dangerous, but for what the contract tells clients to expect: members are added to
// unions and enums, and a scalar may name its specification.
const foreseen = /^(UNION_MEMBER_ADDED|ENUM_VALUE_ADDED|DIRECTIVE_USAGE_SCALAR_ADDED)$/;
const dangerous = changes.filter((change) => change.criticality.level === CriticalityLevel.Dangerous && !foreseen.test(change.type));
check('no meaning changes silently: defaults, optional arguments, interfaces', dangerous.map((change) => `${change.path}: ${change.message}`));

const removed = new Set(breaking.filter(isLater).map((change) => change.path));
const stale = [...later].filter(([part]) => !removed.has(part));
check(`the ${later.size} parts that come later are still missing`, stale.map(([part, reason]) => `${part} (${reason}): is there, or was never promised; delete its line in later.mjs`));

const released = buildSchema(readFileSync(here('released.graphql'), 'utf8'));
check('no client of the last release breaks', await breaks(released, schema, new Date().toISOString().slice(0, 10)));
check('each deprecation names what to use, and when it goes', badReasons(schema));

// ESLint lints nothing outside its folder, so it is given the text.
const eslint = new ESLint({ cwd: here('.'), overrideConfigFile: true, overrideConfig: lint(graphqlPlugin, sdl) });
const [{ messages }] = await eslint.lintText(sdl, { filePath: here('schema.graphql') });
check('the schema is free of lints', messages.map((message) => `${message.line}:${message.column} ${message.ruleId}: ${message.message}`));

console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
