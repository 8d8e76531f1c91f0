import { describe, expect, it } from 'vitest';
import { bridge, jsonOf, type JournalPage, merge, transcriptOf, type TranscriptEvent } from './transcript';

const at = '2026-01-01T00:00:00.000Z';
let next = 0;
const base = (sequence: number) => ({ id: `evt_${sequence}`, sequence, occurredAt: at, cursor: `c${sequence}` });

function message(sequence: number, role: string, parts: object[], attempt = 1): TranscriptEvent {
  const id = `msg_${sequence}`;
  return {
    __typename: 'MessageAddedEvent',
    ...base(sequence),
    message: { id, role, attempt, model: null, createdAt: at, parts },
  } as unknown as TranscriptEvent;
}
const text = (words: string) => ({ __typename: 'TextPart', id: `prt_${next++}`, text: words });
const call = (callId: string) => ({ __typename: 'ToolCallPart', id: `prt_${next++}`, callId, tool: 't', arguments: {} });
const result = (callId: string) => ({
  __typename: 'ToolResultPart',
  id: `prt_${next++}`,
  callId,
  tool: 't',
  isError: false,
  outputBytes: 2,
  durationMs: 5,
  files: [],
});
const event = (sequence: number, rest: object) => ({ ...base(sequence), ...rest }) as unknown as TranscriptEvent;
const shown = (...events: TranscriptEvent[]) => transcriptOf(merge(new Map(), events));
const kinds = (...events: TranscriptEvent[]) => shown(...events).entries.map((entry) => entry.kind);

describe('a transcript', () => {
  it('is in the order of the journal, whatever the order of arrival, and repeats nothing', () => {
    const one = message(1, 'USER', [text('a')]);
    const two = message(2, 'ASSISTANT', [text('b')]);
    const first = merge(new Map(), [two]);
    const both = merge(first, [one, two]);
    expect(transcriptOf(both).entries.map((entry) => entry.key)).toEqual(['evt_1', 'evt_2']);
    expect(merge(both, [two, one])).toBe(both);
  });

  it('shows a result with its call', () => {
    const { entries, results } = shown(message(1, 'ASSISTANT', [call('x')]), message(2, 'TOOL', [result('x')]));
    expect(entries.map((entry) => entry.kind)).toEqual(['answer']);
    expect(results.get('x')?.messageId).toBe('msg_2');
  });

  it('shows a result alone while its call is not loaded', () => {
    expect(kinds(message(2, 'TOOL', [result('x')]))).toEqual(['result']);
  });

  it('says a refusal once', () => {
    const refusal = event(3, { __typename: 'ValidatorRejectedEvent', attempt: 1, validator: 'json', feedback: 'no', willRetry: true });
    expect(kinds(message(2, 'ASSISTANT', [text('a')]), refusal, message(4, 'VALIDATOR', [text('no')]))).toEqual(['answer', 'refusal']);
    expect(kinds(message(4, 'VALIDATOR', [text('no')], 2))).toEqual(['said']);
  });

  it('keeps the newest of several reports of progress', () => {
    const progress = (sequence: number, done: number) => event(sequence, { __typename: 'ProgressEvent', progress: { done, total: 3, note: null } });
    const { entries } = shown(progress(1, 1), progress(2, 2), message(3, 'ASSISTANT', [text('a')]), progress(4, 3));
    expect(entries.map((entry) => (entry.kind === 'progress' ? entry.progress.done : entry.kind))).toEqual([2, 'answer', 3]);
  });

  it('tells of a reply that ended otherwise than with an answer', () => {
    const end = (sequence: number, outcome: string) => event(sequence, { __typename: 'ReplyEndedEvent', outcome, failure: null });
    expect(kinds(end(1, 'ANSWERED'), end(2, 'STOPPED'), end(3, 'FAILED'))).toEqual(['end', 'end']);
  });

  it('leaves out what it does not know yet', () => {
    expect(kinds(event(1, { __typename: 'SomethingNewEvent' }))).toEqual([]);
  });
});

describe('a transcript that grows', () => {
  it('keeps every entry that is as it was, and makes only that anew whose call was answered', () => {
    const events = merge(new Map(), [message(1, 'USER', [text('a')]), message(2, 'ASSISTANT', [call('x')]), message(3, 'TOOL', [result('x')]), message(4, 'ASSISTANT', [call('y')])]);
    const before = transcriptOf(events);
    const after = transcriptOf(merge(events, [message(5, 'TOOL', [result('y')]), message(6, 'ASSISTANT', [text('b')])]), before);
    const kept = after.entries.map((entry) => before.entries.includes(entry));
    expect(kept).toEqual([true, true, false, false]);
    expect(after.entries[2]).toMatchObject({ kind: 'answer', sequence: 4 });
  });
});

describe('a journal that was not followed for a while', () => {
  const said = (sequence: number) => message(sequence, 'USER', [text(String(sequence))]);
  const pages = (upTo: number, size: number) => {
    const asked: string[] = [];
    const page = (end: number): JournalPage => {
      const begin = Math.max(1, end - size + 1);
      const nodes = Array.from({ length: end - begin + 1 }, (_, at) => said(begin + at));
      return { nodes, pageInfo: { hasPreviousPage: begin > 1, startCursor: String(begin) } };
    };
    const before = (cursor: string) => {
      asked.push(cursor);
      return Promise.resolve(page(Number(cursor) - 1));
    };
    return { newest: page(upTo), before, asked };
  };
  const sequences = (events: readonly TranscriptEvent[]) => events.map(({ sequence }) => sequence);

  it('is read back to what is known, so that there is no hole', async () => {
    const { newest, before, asked } = pages(25, 10);
    const known = merge(new Map(), [1, 2, 3].map(said));
    const events = await bridge(known, newest, before);
    expect(asked).toEqual(['16', '6']);
    expect(sequences([...merge(known, events).values()]).sort((one, other) => one - other)).toEqual(Array.from({ length: 25 }, (_, at) => at + 1));
  });
  it('is read no further than that, and not at all where nothing is missing', async () => {
    const { newest, before, asked } = pages(25, 10);
    await bridge(merge(new Map(), [said(16)]), newest, before);
    await bridge(new Map(), newest, before);
    expect(asked).toEqual([]);
  });
});

describe('an answer that is owed', () => {
  const reply = (sequence: number, __typename: string) => event(sequence, { __typename, outcome: 'ANSWERED', failure: null });
  const owed = (...events: TranscriptEvent[]) => shown(...events).owesAnswer;

  it('is owed from what was said until the reply has ended, in whatever order that arrives', () => {
    const said = message(1, 'USER', [text('a')]);
    const [started, answer, ended] = [reply(2, 'ReplyStartedEvent'), message(3, 'ASSISTANT', [text('b')]), reply(4, 'ReplyEndedEvent')];
    expect(owed(said)).toBe(true);
    expect(owed(said, started, answer)).toBe(true);
    expect(owed(ended, answer, started, said)).toBe(false);
    expect(owed(said, started, answer, ended, message(5, 'USER', [text('c')]))).toBe(true);
  });
  it('is not known where nothing tells of it', () => {
    expect(owed(message(3, 'ASSISTANT', [text('b')]))).toBeUndefined();
  });
});

describe('an answer', () => {
  it('is JSON only where all of it is', () => {
    expect(jsonOf(' {"a": [1]} ')).toEqual({ a: [1] });
    expect(jsonOf('{"a": 1} and more')).toBeUndefined();
    expect(jsonOf('3')).toBeUndefined();
  });
  it('is shown with the numbers that it has', () => {
    expect(jsonOf('{"order": 9007199254740993}')).toBeUndefined();
  });
});
