/** What a form made of a value, as the API takes it. Pure. */
import { isObject, type JsonValue } from '@/api/json';
import { resolved } from './issues';

/**
 * Members in the order of the schema, whatever order they were filled in: the server keeps the
 * order of what it is given, and people read it. Members without a value are left out. An item that
 * was added and not filled in yet is an empty text, not null: so what is wrong with it is what the
 * schema says.
 */
export function written(value: JsonValue, schema: JsonValue | undefined, root: JsonValue | undefined = schema): JsonValue {
  const known = resolved(schema, root);
  if (Array.isArray(value)) {
    const items = resolved(known.items, root);
    const isText = items.type === 'string' && !('enum' in items);
    return value.map((one) => (isText && (one === null || one === undefined) ? '' : written(one, items, root)));
  }
  if (!isObject(value)) return value;
  const properties = isObject(known.properties) ? known.properties : {};
  const names = [...Object.keys(properties).filter((name) => Object.hasOwn(value, name)), ...Object.keys(value).filter((name) => !Object.hasOwn(properties, name))];
  const members = names.flatMap((name) => {
    // A field that was emptied is there, and holds nothing.
    const member: JsonValue | undefined = value[name];
    return member === undefined ? [] : [[name, written(member, properties[name], root)] as const];
  });
  return Object.fromEntries(members);
}
