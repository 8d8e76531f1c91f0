import { expect, test } from 'vitest';
import { forgetUnsent, unsent } from './unsent';

/** As a tab has one. */
function tab(room = Infinity): () => Storage {
  const held = new Map<string, string>();
  const storage = {
    get length() {
      return held.size;
    },
    key: (place: number) => [...held.keys()][place] ?? null,
    getItem: (key: string) => held.get(key) ?? null,
    setItem: (key: string, value: string) => {
      if (value.length > room) throw new DOMException('full', 'QuotaExceededError');
      held.set(key, value);
    },
    removeItem: (key: string) => void held.delete(key),
    clear: () => held.clear(),
  };
  return () => storage as Storage;
}
const isText = (value: unknown): value is string => typeof value === 'string';

test('what was written is there again, until it was sent', () => {
  const storage = tab();
  unsent('usr_1', 'chat con_1', isText, storage).write('hello');
  const again = unsent('usr_1', 'chat con_1', isText, storage);
  expect(again.read()).toBe('hello');
  expect(unsent('usr_1', 'chat con_2', isText, storage).read()).toBeUndefined();
  again.write(undefined);
  expect(again.read()).toBeUndefined();
  expect(storage().length).toBe(0);
});

test('nobody finds what another wrote, and whoever comes back after another does not either', () => {
  const storage = tab();
  const first = unsent('usr_1', 'chat', isText, storage);
  first.write('mine');
  expect(unsent('usr_2', 'chat', isText, storage).read()).toBeUndefined();
  expect(first.read()).toBeUndefined();
});

test('signing out leaves nothing of it, and all else', () => {
  const storage = tab();
  storage().setItem('theme', 'dark');
  unsent('usr_1', 'chat', isText, storage).write('mine');
  forgetUnsent(storage);
  expect([storage().length, storage().getItem('theme')]).toEqual([1, 'dark']);
});

test('what an older page wrote, or what there was no room for, is nothing', () => {
  const storage = tab(10);
  unsent('usr_1', 'chat', (value): value is number => typeof value === 'number', storage).write(3);
  expect(unsent('usr_1', 'chat', isText, storage).read()).toBeUndefined();
  unsent('usr_1', 'chat', isText, storage).write('longer than there is room');
  expect(unsent('usr_1', 'chat', isText, storage).read()).toBeUndefined();
  const none = () => {
    throw new DOMException('denied', 'SecurityError');
  };
  expect(unsent('usr_1', 'chat', isText, none).read()).toBeUndefined();
});
