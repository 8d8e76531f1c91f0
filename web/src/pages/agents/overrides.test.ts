import { expect, test } from 'vitest';
import { defaultsInWords, filledIn } from './overrides';

test('what the type has is said, and is no value of the form', () => {
  expect(
    defaultsInWords({
      properties: {
        temperature: { type: 'number', default: 0.2, description: 'Between 0 and 2.' },
        tone: { type: 'string', default: '' },
        // A member that happens to have that name.
        default: { type: 'boolean' },
        retry: { properties: { times: { type: 'integer', default: 3 } }, default: { times: 3 } },
        tags: { type: 'array', items: { anyOf: [{ type: 'string', default: 'x' }] }, default: [] },
      },
      required: ['default'],
      enum: [{ default: 1 }],
    }),
  ).toEqual({
    properties: {
      temperature: { type: 'number', description: 'Between 0 and 2. The type has 0.2.' },
      tone: { type: 'string', description: 'The type has nothing.' },
      default: { type: 'boolean' },
      retry: { properties: { times: { type: 'integer', description: 'The type has 3.' } } },
      tags: { type: 'array', items: { anyOf: [{ type: 'string', description: 'The type has x.' }] }, description: 'The type has [].' },
    },
    required: ['default'],
    enum: [{ default: 1 }],
  });
});

test('an object that only the form made is no override, one that was there is', () => {
  expect(filledIn({ retry: { wait: {} }, model: 'a', list: [{}] }, {})).toEqual({ model: 'a', list: [{}] });
  expect(filledIn({ retry: { wait: {} }, other: {} }, { retry: { wait: {} } })).toEqual({ retry: { wait: {} } });
  expect(filledIn({ retry: { times: 1 } }, {})).toEqual({ retry: { times: 1 } });
});
