import { describe, expect, it } from 'vitest';
import { sizeOf, withDeltas } from './drafts';

const delta = (messageId: string, part: number, text: string, replace = false) =>
  ({ messageId, part, kind: 'TEXT', text, replace }) as const;
const texts = (draft: ReturnType<typeof withDeltas>) => [...(draft?.parts ?? [])].map(([part, { text }]) => [part, text]);

describe('a draft', () => {
  it('grows piece by piece, each part by itself', () => {
    const draft = withDeltas(undefined, [delta('m', 0, 'Hel'), delta('m', 1, 'x'), delta('m', 0, 'lo')]);
    expect(texts(draft)).toEqual([
      [0, 'Hello'],
      [1, 'x'],
    ]);
    expect(sizeOf(draft)).toBe(6);
  });
  it('begins anew where the server says so', () => {
    const draft = withDeltas(withDeltas(undefined, [delta('m', 0, 'abc')]), [delta('m', 0, 'abcd', true), delta('m', 0, 'e')]);
    expect(texts(draft)).toEqual([[0, 'abcde']]);
  });
  it('gives up what was written when the model is asked again', () => {
    const draft = withDeltas(withDeltas(undefined, [delta('m', 0, 'half an ans')]), [delta('n', 0, 'A')]);
    expect(draft?.messageId).toBe('n');
    expect(texts(draft)).toEqual([[0, 'A']]);
  });
  it('is the same while nothing comes', () => {
    const draft = withDeltas(undefined, [delta('m', 0, 'a')]);
    expect(withDeltas(draft, [])).toBe(draft);
    expect(sizeOf(undefined)).toBe(0);
  });
});
