/**
 * The answer that is being written: pieces become parts. Nothing of it is stored anywhere; the
 * finished message takes its place under the same id. Pure.
 */
import type { MessageDeltaFragment } from '@/gql/graphql';

export interface DraftPart {
  kind: MessageDeltaFragment['kind'];
  text: string;
}
export interface Draft {
  messageId: string;
  /** By their place in the message. */
  parts: ReadonlyMap<number, DraftPart>;
}

/** A piece of another message means that what was written before is given up, or has come whole. */
export function withDeltas(draft: Draft | undefined, deltas: readonly MessageDeltaFragment[]): Draft | undefined {
  let next = draft;
  for (const { messageId, part, kind, text, replace } of deltas) {
    const parts = new Map(next?.messageId === messageId ? next.parts : []);
    const known = parts.get(part);
    parts.set(part, { kind, text: replace || known === undefined ? text : known.text + text });
    next = { messageId, parts };
  }
  return next;
}

/** How much there is of it: grows with each piece. */
export function sizeOf(draft: Draft | undefined): number {
  let size = 0;
  for (const { text } of draft?.parts.values() ?? []) size += text.length;
  return size;
}
