/**
 * From the journal to a picture of where the time went: turns of the model, calls of tools, and what
 * validators refused. Pure.
 */
import type { StepFragment } from '@/gql/graphql';

export interface Step {
  key: string;
  kind: 'model' | 'tool' | 'refusal';
  label: string;
  /** Instants, in milliseconds since 1970. */
  from: number;
  /** Unknown while it runs. */
  to: number | undefined;
  failed: boolean;
}

/** In the order in which they began. `isOver`: nothing runs any more, and what has no end was cut off. */
export function stepsOf(events: readonly StepFragment[], isOver: boolean): Step[] {
  const ordered = events.toSorted((one, other) => one.sequence - other.sequence);
  const steps: Step[] = [];
  const calls = new Map<string, Step>();
  let before: number | undefined;
  let isAsked = false;
  for (const event of ordered) {
    const at = Date.parse(event.occurredAt);
    if (event.__typename === 'ValidatorRejectedEvent') {
      steps.push({ key: event.id, kind: 'refusal', label: `${event.validator} refused attempt ${event.attempt}`, from: at, to: at, failed: true });
      isAsked = true;
    }
    if (event.__typename === 'MessageAddedEvent') {
      const { message } = event;
      if (message.role === 'ASSISTANT') {
        // It was asked when whatever came before was written down.
        steps.push({ key: event.id, kind: 'model', label: message.model ?? 'Model', from: before ?? at, to: at, failed: false });
        for (const part of message.parts) {
          if (part.__typename !== 'ToolCallPart') continue;
          const call: Step = { key: part.id, kind: 'tool', label: part.tool, from: at, to: undefined, failed: false };
          calls.set(part.callId, call);
          steps.push(call);
        }
        isAsked = false;
      } else if (message.role === 'TOOL') {
        for (const part of message.parts) {
          const call = part.__typename === 'ToolResultPart' ? calls.get(part.callId) : undefined;
          if (part.__typename !== 'ToolResultPart' || !call) continue;
          call.from = Math.max(call.from, at - (part.durationMs ?? 0));
          call.to = at;
          call.failed = part.isError;
        }
        isAsked = true;
      } else {
        isAsked = true;
      }
    }
    before = at;
  }
  const isCalling = steps.some((step) => step.to === undefined);
  if (!isOver && isAsked && !isCalling && before !== undefined) {
    steps.push({ key: 'now', kind: 'model', label: 'Model', from: before, to: undefined, failed: false });
  }
  if (isOver) for (const step of steps) step.to ??= before ?? step.from;
  return steps;
}
