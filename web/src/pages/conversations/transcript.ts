/**
 * From the journal to what people read: events in order become entries, calls find their results,
 * and what the journal says twice (a refusal, and its feedback as a message) is shown once. Pure.
 *
 * To show a new kind of event: a case in `entriesOf`, and its look in `Transcript.tsx`. A kind that
 * this page does not know yet is left out, for the API may add some.
 */
import { firstInexact } from '@/api/exact';
import type { TranscriptEventFragment } from '@/gql/graphql';

export type TranscriptEvent = TranscriptEventFragment;
type Of<Name extends TranscriptEvent['__typename']> = Extract<TranscriptEvent, { __typename: Name }>;

export type Message = Of<'MessageAddedEvent'>['message'];
export type Part = Message['parts'][number];
type PartOf<Name extends Part['__typename']> = Extract<Part, { __typename: Name }>;
export type ToolCall = PartOf<'ToolCallPart'>;
export type ToolResult = PartOf<'ToolResultPart'> & { messageId: string };

export type Entry =
  | { kind: 'said'; key: string; message: Message }
  | { kind: 'answer'; key: string; message: Message }
  /** A result whose call is not shown: it lies before the first page. */
  | { kind: 'result'; key: string; result: ToolResult; at: string }
  | { kind: 'attempt'; key: string; attempt: number; at: string }
  | { kind: 'refusal'; key: string; refusal: Of<'ValidatorRejectedEvent'> }
  | { kind: 'status'; key: string; change: Of<'StatusChangedEvent'> }
  | { kind: 'progress'; key: string; progress: Of<'ProgressEvent'>['progress']; at: string }
  | { kind: 'end'; key: string; end: Of<'ReplyEndedEvent'> };

export interface Transcript {
  entries: Entry[];
  /** Results by the call that they answer. */
  results: ReadonlyMap<string, ToolResult>;
  /**
   * Whether the agent owes an answer, as of the last of these events; undefined where none of them says. Read from the
   * journal, for it has an order: a late answer to a mutation would say that an ended reply is still under way.
   */
  owesAnswer: boolean | undefined;
}

/** Adds events by their sequence. The same one twice changes nothing. */
export function merge(
  known: ReadonlyMap<number, TranscriptEvent>,
  events: readonly TranscriptEvent[],
): ReadonlyMap<number, TranscriptEvent> {
  const fresh = events.filter((event) => !known.has(event.sequence));
  if (fresh.length === 0) return known;
  return new Map([...known, ...fresh.map((event) => [event.sequence, event] as const)]);
}

export function transcriptOf(known: ReadonlyMap<number, TranscriptEvent>): Transcript {
  const events = [...known.values()].sort((one, other) => one.sequence - other.sequence);
  const results = new Map<string, ToolResult>();
  const called = new Set<string>();
  const refused = new Set<number>();
  for (const event of events) {
    if (event.__typename === 'ValidatorRejectedEvent') refused.add(event.attempt);
    if (event.__typename !== 'MessageAddedEvent') continue;
    for (const part of event.message.parts) {
      if (part.__typename === 'ToolCallPart') called.add(part.callId);
      if (part.__typename === 'ToolResultPart') results.set(part.callId, { ...part, messageId: event.message.id });
    }
  }
  return { entries: entriesOf(events, called, results, refused), results, owesAnswer: owesAnswer(events) };
}

function owesAnswer(events: readonly TranscriptEvent[]): boolean | undefined {
  const last = events.findLast(
    (event) =>
      event.__typename === 'ReplyStartedEvent' ||
      event.__typename === 'ReplyEndedEvent' ||
      (event.__typename === 'MessageAddedEvent' && event.message.role === 'USER'),
  );
  return last && last.__typename !== 'ReplyEndedEvent';
}

function entriesOf(
  events: TranscriptEvent[],
  called: ReadonlySet<string>,
  results: ReadonlyMap<string, ToolResult>,
  refused: ReadonlySet<number>,
): Entry[] {
  const entries: Entry[] = [];
  for (const event of events) {
    const key = event.id;
    switch (event.__typename) {
      case 'MessageAddedEvent': {
        const { message } = event;
        if (message.role === 'TOOL') {
          for (const part of message.parts) {
            const result = part.__typename === 'ToolResultPart' ? results.get(part.callId) : undefined;
            // Others stand with their call.
            if (result && !called.has(result.callId)) {
              entries.push({ kind: 'result', key: `${key}-${result.id}`, result, at: event.occurredAt });
            }
          }
        } else if (message.role === 'ASSISTANT') {
          entries.push({ kind: 'answer', key, message });
        } else if (message.role !== 'VALIDATOR' || message.attempt == null || !refused.has(message.attempt)) {
          entries.push({ kind: 'said', key, message });
        }
        break;
      }
      case 'AttemptStartedEvent':
        entries.push({ kind: 'attempt', key, attempt: event.attempt, at: event.occurredAt });
        break;
      case 'ValidatorRejectedEvent':
        entries.push({ kind: 'refusal', key, refusal: event });
        break;
      case 'StatusChangedEvent':
        entries.push({ kind: 'status', key, change: event });
        break;
      case 'ProgressEvent': {
        const last = entries.at(-1);
        // Of several in a row the newest says it all.
        if (last?.kind === 'progress') entries.pop();
        entries.push({ kind: 'progress', key, progress: event.progress, at: event.occurredAt });
        break;
      }
      case 'ReplyEndedEvent':
        // An answer that was given speaks for itself.
        if (event.outcome !== 'ANSWERED') entries.push({ kind: 'end', key, end: event });
        break;
      default:
        break;
    }
  }
  return entries;
}

/**
 * A long answer that is one JSON document, as the document; undefined where it is words, or where it has numbers that
 * would be shown as others.
 */
export function jsonOf(text: string): unknown {
  const trimmed = text.trim();
  if (!/^[[{]/.test(trimmed)) return undefined;
  try {
    const value: unknown = JSON.parse(trimmed);
    return firstInexact(trimmed) === undefined ? value : undefined;
  } catch {
    return undefined;
  }
}
