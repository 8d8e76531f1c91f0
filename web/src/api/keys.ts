/**
 * Which types the cache keeps inside their parent: all that have no id. Read from the schema, so
 * that a new one needs no line here.
 */
import type { KeyingConfig } from '@urql/exchange-graphcache';
import introspection from '@/gql/introspection.json';

const embedded = () => null;

export const keys: KeyingConfig = Object.fromEntries(
  introspection.__schema.types
    .filter((type) => type.kind === 'OBJECT' && !type.fields?.some((field) => field.name === 'id'))
    .map((type) => [type.name, embedded]),
);
