/**
 * An agent's configuration says only what is other than its type has it. A form knows nothing of that: it fills in what
 * the schema has as a default, and makes each object that it draws. Pure.
 */
import { isObject, type JsonObject, type JsonValue } from '@/api/json';

/** Where a schema holds other schemas: one, a list of them, or one for each name. */
const ONE = ['items', 'additionalProperties', 'contains', 'not', 'if', 'then', 'else'];
const LISTS = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
const NAMED = ['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions'];

/** The schema with its defaults in words, where a form does not take them for what somebody wrote. */
export function defaultsInWords(schema: JsonValue): JsonValue {
  if (!isObject(schema)) return schema;
  const { default: value, ...rest } = schema;
  const members = Object.entries(rest).map(([name, member]): [string, JsonValue] => {
    if (ONE.includes(name)) return [name, defaultsInWords(member)];
    if (LISTS.includes(name) && Array.isArray(member)) return [name, member.map(defaultsInWords)];
    if (NAMED.includes(name) && isObject(member))
      return [name, Object.fromEntries(Object.entries(member).map(([key, one]) => [key, defaultsInWords(one)]))];
    return [name, member];
  });
  const words = value === undefined || isObject(value) ? [] : [`The type has ${typeof value === 'string' ? value || 'nothing' : JSON.stringify(value)}.`];
  const description = [...(typeof rest.description === 'string' ? [rest.description] : []), ...words].join(' ');
  return { ...Object.fromEntries(members), ...(description ? { description } : {}) };
}

/** What was filled in: without the empty objects that the agent did not have before. */
export function filledIn(value: JsonValue, before: JsonValue): JsonValue {
  if (!isObject(value)) return value;
  const had: JsonObject = isObject(before) ? before : {};
  const members = Object.entries(value).flatMap(([name, member]) => {
    const kept = filledIn(member, had[name] ?? null);
    return isObject(kept) && Object.keys(kept).length === 0 && !Object.hasOwn(had, name) ? [] : [[name, kept] as const];
  });
  return Object.fromEntries(members);
}
