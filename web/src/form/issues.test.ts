import { describe, expect, test } from 'vitest';
import { errorSchema, type Issue, placeWords, segments, standing } from './issues';

const issue = (pointer: string, property: string | null = null, message = 'wrong'): Issue => ({
  pointer,
  property,
  keyword: 'type',
  message,
});

test('pointers are read by RFC 6901', () => {
  expect(segments('')).toEqual([]);
  expect(segments('/')).toEqual(['']);
  expect(segments('/a~1b/m~0n/0')).toEqual(['a/b', 'm~n', '0']);
});

describe('an issue lands', () => {
  test('on the field at its pointer', () => {
    expect(errorSchema([issue('/urls/1', null, 'no address')])).toEqual({ urls: { 1: { __errors: ['no address'] } } });
  });
  test('on the member that is missing', () => {
    expect(errorSchema([issue('/order', 'number', 'required')])).toEqual({
      order: { number: { __errors: ['required'] } },
    });
  });
  test('on the whole', () => {
    expect(errorSchema([issue('', null, 'no object')])).toEqual({ __errors: ['no object'] });
  });
  test('beside others of the same field', () => {
    expect(errorSchema([issue('/a', null, 'one'), issue('/a', null, 'two'), issue('/a/0', null, 'three')])).toEqual({
      a: { __errors: ['one', 'two'], 0: { __errors: ['three'] } },
    });
  });
  test('wherever it belongs, whatever the property is called', () => {
    const schema = errorSchema([issue('', '__proto__', 'odd')]);
    expect(Object.getOwnPropertyDescriptor(schema, '__proto__')?.value).toEqual({ __errors: ['odd'] });
    expect(({} as { __errors?: unknown }).__errors).toBeUndefined();
  });
});

test('an edit takes away the issues of what it changed, and no others', () => {
  const issues = [issue('/a'), issue('/b/0'), issue('', 'c')];
  const before = { a: 1, b: ['x', 'y'] };
  expect(standing(issues, before, { a: 2, b: ['x', 'y'] })).toEqual([issue('/b/0'), issue('', 'c')]);
  expect(standing(issues, before, { a: 1, b: ['x', 'z'] })).toBe(issues);
  expect(standing(issues, before, { a: 1, b: ['y'], c: '' })).toEqual([issue('/a')]);
});

test('places are read as people count, by the titles of the schema', () => {
  const schema = { properties: { urls: { title: 'Pages', items: { properties: { at: { title: 'Address' } } } } } };
  expect(placeWords(issue('/urls/0', 'at'), schema)).toBe('Pages › 1 › Address');
  const referring = { $defs: { who: { title: 'Contact', properties: { name: { title: 'Name' } } } }, properties: { who: { $ref: '#/$defs/who' } } };
  expect(placeWords(issue('/who', 'name'), referring)).toBe('Contact › Name');
  expect(placeWords(issue('/urls/0/other'), schema)).toBe('Pages › 1 › other');
  expect(placeWords(issue('/urls/0'))).toBe('urls › 1');
  expect(placeWords(issue('', 'urls'))).toBe('urls');
});
