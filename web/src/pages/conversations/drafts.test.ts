import { describe, expect, it } from 'vitest';
import { NO_DRAFTS, withDeltas, without } from './drafts';

const delta = (messageId: string, part: number, text: string, replace = false) =>
  ({ messageId, part, kind: 'TEXT', text, replace }) as const;

describe('a draft', () => {
  it('grows piece by piece, each part by itself', () => {
    const drafts = withDeltas(NO_DRAFTS, [delta('m', 0, 'Hel'), delta('m', 1, 'x'), delta('m', 0, 'lo')]);
    expect([...(drafts.get('m') ?? [])].map(([part, { text }]) => [part, text])).toEqual([
      [0, 'Hello'],
      [1, 'x'],
    ]);
  });
  it('begins anew where the server says so', () => {
    const drafts = withDeltas(withDeltas(NO_DRAFTS, [delta('m', 0, 'abc')]), [delta('m', 0, 'abcd', true), delta('m', 0, 'e')]);
    expect(drafts.get('m')?.get(0)?.text).toBe('abcde');
  });
  it('goes when its message is there', () => {
    const drafts = withDeltas(NO_DRAFTS, [delta('m', 0, 'a'), delta('n', 0, 'b')]);
    expect([...without(drafts, new Set(['m'])).keys()]).toEqual(['n']);
    expect(without(drafts, new Set(['other']))).toBe(drafts);
  });
});
