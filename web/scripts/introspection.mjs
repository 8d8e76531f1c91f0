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

// Of a field the cache asks for its name, and whether it and its members may be null: arguments, and which type it is,
// are two thirds of what would be loaded.
const shapeOf = ({ kind, ofType }) => (ofType ? { kind, ofType: shapeOf(ofType) } : { kind: 'SCALAR', name: 'Any' });
for (const type of minified.__schema.types) {
  if (type.fields) type.fields = type.fields.map(({ name, type: of }) => ({ name, type: shapeOf(of), args: [] }));
}
writeFileSync(new URL('src/gql/introspection.json', root), JSON.stringify(minified));
