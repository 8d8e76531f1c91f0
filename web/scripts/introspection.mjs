// What the normalized cache needs to know of the schema (types, interfaces, unions; no
// descriptions), as small as it gets. Built before the page, never committed.
import { readFileSync, writeFileSync } from 'node:fs';
import { buildSchema, introspectionFromSchema } from 'graphql';
import { minifyIntrospectionQuery } from '@urql/introspection';

const root = new URL('..', import.meta.url);
const schema = buildSchema(readFileSync(new URL('../schema.graphql', root), 'utf8'));
const minified = minifyIntrospectionQuery(introspectionFromSchema(schema, { descriptions: false }), {
  includeScalars: false,
  includeEnums: false,
  includeInputs: false,
  includeDirectives: false,
});
writeFileSync(new URL('src/gql/introspection.json', root), JSON.stringify(minified));
