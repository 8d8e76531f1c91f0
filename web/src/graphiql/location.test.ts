import { describe, expect, it } from 'vitest';
import { read, write } from './location';

describe('the operation in the URL', () => {
  it('comes back as it was written', () => {
    const operation = { query: 'query Q($id: ID!) {\n  node(id: $id) { id }\n}', variables: '{"id": "ä&=+#"}' };
    expect(read(write(operation) ?? '')).toEqual(operation);
  });

  it('leaves out what says nothing', () => {
    expect(write({ query: '{ a }', variables: ' {} ' })).toBe('?query=%7B+a+%7D');
    expect(write({ query: ' ', variables: '' })).toBe('');
    expect(read('')).toEqual({});
  });

  it('is not there when it would be too long for a server', () => {
    expect(write({ query: `{ ${'a '.repeat(4_000)} }`, variables: '' })).toBeNull();
  });
});
