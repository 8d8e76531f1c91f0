import { describe, expect, test } from 'vitest';
import { validator } from './validator';

const root = {
  $defs: { sku: { type: 'string' as const, minLength: 2 } },
  type: 'object' as const,
};

describe('the interpreting validator', () => {
  test('judges a part with the definitions of the whole', () => {
    expect(validator.isValid({ $ref: '#/$defs/sku' }, 'AB', root)).toBe(true);
    expect(validator.isValid({ $ref: '#/$defs/sku' }, 'A', root)).toBe(false);
  });
  test('takes no reference that is not there for valid', () => {
    expect(validator.isValid({ $ref: '#/$defs/other' }, 'AB', root)).toBe(false);
  });
  test('tells the branches of a oneOf apart', () => {
    const branch = (kind: string) => ({
      type: 'object' as const,
      properties: { kind: { const: kind } },
      required: ['kind'],
    });
    expect(validator.isValid(branch('mail'), { kind: 'mail' }, root)).toBe(true);
    expect(validator.isValid(branch('page'), { kind: 'mail' }, root)).toBe(false);
  });
  test('finds all that is wrong', () => {
    const { errors } = validator.validateFormData(
      { a: 1, b: 'x' },
      { type: 'object', properties: { a: { type: 'string' }, b: { enum: ['y'] } } },
    );
    expect(errors.map((error) => error.property)).toEqual(expect.arrayContaining(['#/a', '#/b']));
  });
});
