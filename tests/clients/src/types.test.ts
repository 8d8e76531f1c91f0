// The generated types: no `any` in any operation, scalars as the map says. Checked by the compiler; what runs is little.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { buildSchema, isInterfaceType, isObjectType, isUnionType } from 'graphql';
import { scalars } from '../../../clients/src/codegen.ts';
import { CONNECTIONS, DELIVERIES, isOutcome, VALUES } from '../../../clients/src/values.ts';
import * as generated from './gql/graphql.ts';
import possibleTypes from './gql/possible-types.ts';

type IsAny<T> = 0 extends 1 & T ? true : false;
/** True where an `any` lies somewhere within. */
type HasAny<T, Depth extends readonly unknown[] = []> = Depth['length'] extends 12
  ? false
  : IsAny<T> extends true
    ? true
    : unknown extends T
      ? false
      : T extends string | number | boolean | null | undefined | Blob
        ? false
        : T extends readonly (infer Item)[]
          ? HasAny<Item, [...Depth, unknown]>
          : T extends object
            ? { [Key in keyof T]-?: HasAny<T[Key], [...Depth, unknown]> }[keyof T]
            : false;
type Documents = typeof generated;
/** The names of documents that have an `any` in their result or variables. */
type WithAny = {
  [Name in keyof Documents]: Documents[Name] extends TypedDocumentNode<infer Data, infer Variables>
    ? true extends HasAny<Data> | HasAny<Variables>
      ? Name
      : never
    : never;
}[keyof Documents];
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <Claim extends true>(claim?: Claim) => claim;

test('no operation has an `any`, and scalars are what the map says', () => {
  holds<Equal<WithAny, never>>();
  // The check itself finds one.
  holds<Equal<HasAny<{ a: readonly { b: any }[] }>, true>>();
  type Detail = NonNullable<generated.DetailQuery['execution']>;
  holds<Equal<Detail['createdAt'], string>>();
  holds<Equal<Detail['startedAt'], string | null>>();
  holds<Equal<Detail['result'], unknown>>();
  holds<Equal<Detail['streamCursor'], string>>();
  holds<Equal<Detail['status'], 'PENDING' | 'IN_PROGRESS' | 'FINISHED' | 'FAILED'>>();
  holds<Equal<NonNullable<generated.LaunchExecutionInput['files']>, ReadonlyArray<Blob>>>();
  assert.ok(Object.keys(generated).length > 10);
});

const project = process.env['PROJECT'] ?? join(process.cwd(), '../..');
const schema = buildSchema(readFileSync(join(project, 'schema.graphql'), 'utf8'));
const types = Object.values(schema.getTypeMap()).filter(({ name }) => !name.startsWith('__'));

test('the lists of types without an id name every one of the schema, and no other', () => {
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  const withoutId = types
    .filter((type) => isObjectType(type) && !roots.includes(type) && type.getFields()['id'] === undefined)
    .map(({ name }) => name)
    .filter((name) => !isOutcome(name));
  assert.deepEqual([...VALUES, ...CONNECTIONS, ...DELIVERIES].toSorted(), withoutId.toSorted());
});

test('the scalar map names every scalar of the schema, and no other', () => {
  const own = types.filter(({ astNode }) => astNode?.kind === 'ScalarTypeDefinition').map(({ name }) => name);
  assert.deepEqual(Object.keys(scalars).toSorted(), own.toSorted());
});

test('possibleTypes names every union and interface', () => {
  const abstract = types.filter((type) => isUnionType(type) || isInterfaceType(type)).map(({ name }) => name);
  assert.deepEqual(Object.keys(possibleTypes.possibleTypes).toSorted(), abstract.toSorted());
});
