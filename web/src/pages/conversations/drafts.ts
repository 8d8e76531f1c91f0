/**
 * Answers while they are being written: pieces become parts. Nothing of it is stored anywhere; the
 * finished message takes its place under the same id. Pure.
 */
import type { MessageDeltaFragment } from '@/gql/graphql';

export interface DraftPart {
  kind: MessageDeltaFragment['kind'];
  text: string;
}
/** By message, then by the place of the part in it. */
export type Drafts = ReadonlyMap<string, ReadonlyMap<number, DraftPart>>;

export const NO_DRAFTS: Drafts = new Map();

export function withDeltas(drafts: Drafts, deltas: readonly MessageDeltaFragment[]): Drafts {
  if (deltas.length === 0) return drafts;
  const next = new Map(drafts);
  for (const { messageId, part, kind, text, replace } of deltas) {
    const parts = new Map(next.get(messageId));
    const known = parts.get(part);
    parts.set(part, { kind, text: replace || known === undefined ? text : known.text + text });
    next.set(messageId, parts);
  }
  return next;
}

/** Without the messages that are there whole. */
export function without(drafts: Drafts, finished: ReadonlySet<string>): Drafts {
  const left = [...drafts].filter(([messageId]) => !finished.has(messageId));
  return left.length === drafts.size ? drafts : new Map(left);
}
