/**
 * What the form library asks of a validator, by one that interprets schemas: the usual one
 * compiles them to code, which the page's Content-Security-Policy refuses. Used to choose among
 * `oneOf` and `anyOf` while typing. Whether an input is right the server says, at the launch.
 */
import { type OutputUnit, type Schema, Validator } from '@cfworker/json-schema';
import type { RJSFSchema, RJSFValidationError, ValidationData, ValidatorType } from '@rjsf/utils';

const DRAFT = '2020-12';

function check(schema: RJSFSchema | boolean, value: unknown | undefined): OutputUnit[] {
  if (typeof schema === 'boolean') return check(schema ? {} : { not: {} }, value);
  const { valid, errors } = new Validator(schema as Schema, DRAFT, false).validate(value ?? null);
  return valid ? [] : errors;
}

function isValid(schema: RJSFSchema, value: unknown | undefined, root: RJSFSchema): boolean {
  // The part is judged with the definitions that it may point at.
  const { $defs, definitions } = root;
  try {
    return check({ ...($defs ? { $defs } : {}), ...(definitions ? { definitions } : {}), ...schema }, value).length === 0;
  } catch {
    // A reference that cannot be found, or a pattern of another dialect: the server knows better.
    return false;
  }
}

export const validator: ValidatorType<unknown, RJSFSchema> = {
  isValid,
  rawValidation: <Result>(schema: RJSFSchema, value?: unknown) => ({ errors: check(schema, value) as Result[] }),
  validateFormData: (value, schema): ValidationData<unknown> => {
    const errors: RJSFValidationError[] = check(schema, value).map((unit) => ({
      name: unit.keyword,
      property: unit.instanceLocation,
      message: unit.error,
      stack: `${unit.instanceLocation}: ${unit.error}`,
    }));
    return { errors, errorSchema: {} };
  },
};
