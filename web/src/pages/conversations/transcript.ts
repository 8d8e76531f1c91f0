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

type Shown =
  | { kind: 'said'; message: Message }
  /** With the results of its own calls, by call. */
  | { kind: 'answer'; message: Message; results: ReadonlyMap<string, ToolResult> }
  /** A result whose call is not shown: it lies before the first page. */
  | { kind: 'result'; result: ToolResult; at: string }
  | { kind: 'attempt'; attempt: number; at: string }
  | { kind: 'refusal'; refusal: Of<'ValidatorRejectedEvent'> }
  | { kind: 'status'; change: Of<'StatusChangedEvent'> }
  | { kind: 'progress'; progress: Of<'ProgressEvent'>['progress']; at: string }
  | { kind: 'end'; end: Of<'ReplyEndedEvent'> };

/** `sequence` is of the event that it comes from. */
export type Entry = Shown & { key: string; sequence: number };

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

/** A page of the journal, which ends where the next one begins. */
export interface JournalPage {
  nodes: readonly TranscriptEvent[];
  pageInfo: { hasPreviousPage: boolean; startCursor?: string | null | undefined };
}

/** The newest events, back to one that is known: whoever was away for longer than a page has no hole in between. */
export async function bridge(
  known: ReadonlyMap<number, TranscriptEvent>,
  newest: JournalPage,
  before: (cursor: string) => Promise<JournalPage>,
): Promise<readonly TranscriptEvent[]> {
  let [page, events] = [newest, newest.nodes];
  while (known.size > 0 && !page.nodes.some(({ sequence }) => known.has(sequence))) {
    const { hasPreviousPage, startCursor } = page.pageInfo;
    if (!hasPreviousPage || startCursor == null) break;
    page = await before(startCursor);
    events = [...page.nodes, ...events];
  }
  return events;
}

/** An entry that is as it was in the transcript `before` is the same object, so that it is not drawn again. */
export function transcriptOf(known: ReadonlyMap<number, TranscriptEvent>, before?: Transcript): Transcript {
  const events = [...known.values()].sort((one, other) => one.sequence - other.sequence);
  const results = new Map<string, ToolResult>();
  const called = new Set<string>();
  const refused = new Set<number>();
  for (const event of events) {
    if (event.__typename === 'ValidatorRejectedEvent') refused.add(event.attempt);
    if (event.__typename !== 'MessageAddedEvent') continue;
    for (const part of event.message.parts) {
      if (part.__typename === 'ToolCallPart') called.add(part.callId);
      if (part.__typename === 'ToolResultPart') results.set(part.callId, resultOf(part, event.message.id));
    }
  }
  const former = new Map(before?.entries.map((entry) => [entry.key, entry]));
  const entries = entriesOf(events, called, results, refused).map((entry) => {
    const same = former.get(entry.key);
    return same && isSame(same, entry) ? same : entry;
  });
  return { entries, results, owesAnswer: owesAnswer(events) };
}

/** One object for one part: parts never change. */
const RESULTS = new WeakMap<object, ToolResult>();
function resultOf(part: PartOf<'ToolResultPart'>, messageId: string): ToolResult {
  const made = RESULTS.get(part) ?? { ...part, messageId };
  RESULTS.set(part, made);
  return made;
}

function isSame(one: object, other: object): boolean {
  const [names, others] = [Object.entries(one), Object.entries(other)];
  return names.length === others.length && names.every(([name, value]) => isSameValue(value, (other as Record<string, unknown>)[name]));
}

const isSameValue = (one: unknown, other: unknown): boolean =>
  one === other ||
  (one instanceof Map && other instanceof Map && one.size === other.size && [...one].every(([key, value]) => other.get(key) === value));

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
    const at = { key: event.id, sequence: event.sequence };
    switch (event.__typename) {
      case 'MessageAddedEvent': {
        const { message } = event;
        if (message.role === 'TOOL') {
          for (const part of message.parts) {
            const result = part.__typename === 'ToolResultPart' ? results.get(part.callId) : undefined;
            // Others stand with their call.
            if (result && !called.has(result.callId)) {
              entries.push({ ...at, kind: 'result', key: `${event.id}-${result.id}`, result, at: event.occurredAt });
            }
          }
        } else if (message.role === 'ASSISTANT') {
          const own = message.parts.flatMap((part) => {
            const result = part.__typename === 'ToolCallPart' ? results.get(part.callId) : undefined;
            return result ? [[result.callId, result] as const] : [];
          });
          entries.push({ ...at, kind: 'answer', message, results: new Map(own) });
        } else if (message.role !== 'VALIDATOR' || message.attempt == null || !refused.has(message.attempt)) {
          entries.push({ ...at, kind: 'said', message });
        }
        break;
      }
      case 'AttemptStartedEvent':
        entries.push({ ...at, kind: 'attempt', attempt: event.attempt, at: event.occurredAt });
        break;
      case 'ValidatorRejectedEvent':
        entries.push({ ...at, kind: 'refusal', refusal: event });
        break;
      case 'StatusChangedEvent':
        entries.push({ ...at, kind: 'status', change: event });
        break;
      case 'ProgressEvent': {
        const last = entries.at(-1);
        // Of several in a row the newest says it all.
        if (last?.kind === 'progress') entries.pop();
        entries.push({ ...at, kind: 'progress', progress: event.progress, at: event.occurredAt });
        break;
      }
      case 'ReplyEndedEvent':
        // An answer that was given speaks for itself.
        if (event.outcome !== 'ANSWERED') entries.push({ ...at, kind: 'end', end: event });
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
