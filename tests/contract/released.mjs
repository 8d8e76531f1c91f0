// What the schema takes away from clients of the last release, and whether it may. Only what was deprecated in that
// release goes, and not before the date that its reason names. The rules are in CONTRIBUTING.md.
import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { isEnumType, isInputObjectType, isInterfaceType, isObjectType } from 'graphql';

/** A reason that tells clients what to do, and until when. */
const REASON = /^Use .+\. Removed no earlier than (\d{4}-\d{2}-\d{2})\.$/;

/** Every deprecation whose reason does not name a replacement and a date. */
export function badReasons(schema) {
  return deprecations(schema)
    .filter(({ reason }) => !REASON.test(reason))
    .map(({ path, reason }) => `${path}: "${reason}" is not "Use …. Removed no earlier than 2030-12-31."`);
}

/** Every change that breaks a client of the release, or changes what it means, and is not allowed on this day. */
export async function breaks(released, schema, today) {
  const announced = new Map(deprecations(released).map(({ path, reason }) => [path, REASON.exec(reason)?.[1]]));
  const changes = await diff(released, schema);
  return changes
    .filter(({ type, path, criticality: { level } }) =>
      level === CriticalityLevel.Breaking || (level === CriticalityLevel.Dangerous && (!FORESEEN.test(type) || CLOSED.test(path))))
    .filter(({ type, path }) => !(REMOVAL.test(type) && announced.get(path) <= today))
    .map(({ path, message }) => {
      const date = announced.get(path);
      return `${path}: ${message}${date === undefined ? '' : ` (not before ${date})`}`;
    });
}

/** What clients are told to expect: members of unions and enums, and more to ask for. */
const FORESEEN =
  /^(UNION_MEMBER_ADDED|ENUM_VALUE_ADDED|DIRECTIVE_USAGE_SCALAR_ADDED|FIELD_ARGUMENT_ADDED|INPUT_FIELD_ADDED|OBJECT_TYPE_INTERFACE_ADDED)$/;
/** Complete for good: clients switch over these. */
const CLOSED = /^ExecutionStatus\./;
const REMOVAL = /^(FIELD|FIELD_ARGUMENT|INPUT_FIELD|ENUM_VALUE)_REMOVED$/;

function deprecations(schema) {
  const found = [];
  const look = (path, { deprecationReason }) => {
    if (deprecationReason != null) found.push({ path, reason: deprecationReason });
  };
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__')) continue;
    if (isEnumType(type)) for (const value of type.getValues()) look(`${type.name}.${value.name}`, value);
    if (isObjectType(type) || isInterfaceType(type) || isInputObjectType(type)) {
      for (const field of Object.values(type.getFields())) {
        look(`${type.name}.${field.name}`, field);
        for (const argument of field.args ?? []) look(`${type.name}.${field.name}.${argument.name}`, argument);
      }
    }
  }
  return found;
}
