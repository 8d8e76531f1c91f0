import { describe, expect, it } from 'vitest';
import type { StepFragment } from '@/gql/graphql';
import { stepsOf } from './steps';

const at = (ms: number) => new Date(ms).toISOString();
let sequence = 0;
const event = (ms: number, rest: object) =>
  ({ id: `evt_${(sequence += 1)}`, sequence, occurredAt: at(ms), cursor: '', ...rest }) as unknown as StepFragment;
const message = (ms: number, role: string, parts: object[] = []) =>
  event(ms, { __typename: 'MessageAddedEvent', message: { id: `msg_${sequence}`, role, model: role === 'ASSISTANT' ? 'm' : null, parts } });
const call = (callId: string) => ({ __typename: 'ToolCallPart', id: `call-${callId}`, callId, tool: `tool-${callId}` });
const result = (callId: string, durationMs: number, isError = false) => ({
  __typename: 'ToolResultPart',
  id: `result-${callId}`,
  callId,
  tool: `tool-${callId}`,
  isError,
  durationMs,
});
const shown = (events: StepFragment[], isOver: boolean) =>
  stepsOf(events, isOver).map(({ kind, label, from, to, failed }) => [kind, label, from, to, failed]);

describe('the steps of an execution', () => {
  const asked = message(0, 'USER');
  const turn = message(100, 'ASSISTANT', [call('a'), call('b')]);
  const first = message(130, 'TOOL', [result('b', 20)]);
  const second = message(180, 'TOOL', [result('a', 75, true)]);
  const answer = message(300, 'ASSISTANT');

  it('are turns from what came before them, and calls by their own time', () => {
    expect(shown([answer, second, asked, first, turn], true)).toEqual([
      ['model', 'm', 0, 100, false],
      ['tool', 'tool-a', 105, 180, true],
      ['tool', 'tool-b', 110, 130, false],
      ['model', 'm', 180, 300, false],
    ]);
  });
  it('say what runs: calls without a result, and else the model', () => {
    expect(shown([asked], false)).toEqual([['model', 'Model', 0, undefined, false]]);
    expect(shown([asked, turn, first], false).filter(([, , , to]) => to === undefined)).toEqual([['tool', 'tool-a', 100, undefined, false]]);
    expect(shown([asked, turn, first, second], false).at(-1)).toEqual(['model', 'Model', 180, undefined, false]);
  });
  it('end with what ended it', () => {
    expect(shown([asked, turn, first], true)[1]).toEqual(['tool', 'tool-a', 100, 130, false]);
  });
  it('tell what was refused, after which the model is asked again', () => {
    const refused = event(320, { __typename: 'ValidatorRejectedEvent', validator: 'json', attempt: 1 });
    expect(shown([asked, answer, refused], false).slice(1)).toEqual([
      ['refusal', 'json refused attempt 1', 320, 320, true],
      ['model', 'Model', 320, undefined, false],
    ]);
  });
});
