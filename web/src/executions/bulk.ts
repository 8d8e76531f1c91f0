/** Many executions by several requests, and what became of them. Knows no operation, and not what is done. */
import { errorWords } from '@/components/states';
import type { CombinedError } from 'urql';

/** As many ids as the server takes in one request. */
export const MOST_AT_ONCE = 100;

interface Refusal {
  message: string;
  /** Ends with the place of the id that it is about; where it does not, it is about all of them. */
  path?: readonly string[] | null | undefined;
}

export interface Answer<Row> {
  executions: readonly Row[];
  errors: readonly Refusal[];
}

export interface Outcome<Row> {
  /** What the server gave for those that it did. */
  executions: readonly Row[];
  /** The ids that it did. */
  done: readonly string[];
  refusals: readonly Refusal[];
  /** Why it ended before the last: what was not done by then was not asked for, or was not answered. */
  error: CombinedError | undefined;
}

/** Asks for so many at a time, one after the other, until one request fails as a whole. */
export async function inBulk<Row>(
  ids: readonly string[],
  ask: (ids: string[]) => Promise<{ answer: Answer<Row> | undefined; error: CombinedError | undefined }>,
): Promise<Outcome<Row>> {
  const outcome = { executions: [] as Row[], done: [] as string[], refusals: [] as Refusal[] };
  for (let from = 0; from < ids.length; from += MOST_AT_ONCE) {
    const some = ids.slice(from, from + MOST_AT_ONCE);
    const { answer, error } = await ask(some);
    if (error || !answer) return { ...outcome, error };
    outcome.executions.push(...answer.executions);
    outcome.refusals.push(...answer.errors);
    const refused = answer.errors.map(({ path }) => Number(path?.at(-1)));
    if (!refused.some(Number.isNaN)) outcome.done.push(...some.filter((_, at) => !refused.includes(at)));
  }
  return { ...outcome, error: undefined };
}

/** Whether nothing can have been done: the request was turned away before it was carried out. */
function wasTurnedAway(error: CombinedError): boolean {
  if (!error.networkError) return error.graphQLErrors.every((one) => one.extensions.code !== 'INTERNAL');
  const status: unknown = error.response?.status;
  // 408: it may have arrived all the same.
  return typeof status === 'number' && status >= 400 && status < 500 && status !== 408;
}

/** What is known after a request failed. Nothing is called undone that may have been done: an answer can be lost. */
export function failureWords(error: CombinedError, { of, done, verb }: { of: number; done: number; verb: string }): string {
  const { detail } = errorWords(error);
  const isKnown = wasTurnedAway(error);
  if (done > 0) return `${done} of ${of} were ${verb}, ${isKnown ? 'the others were not' : 'of the others it is not known'}. ${detail}`;
  if (isKnown) return `Nothing was ${verb}. ${detail}`;
  return `The answer did not arrive: ${of === 1 ? 'it' : 'they'} may have been ${verb}. ${detail}`;
}

/** "2 could not be canceled: …", each reason once. */
export function refusalWords(refusals: readonly Refusal[], verb: string): string {
  const reasons = [...new Set(refusals.map((one) => one.message))];
  return `${refusals.length === 1 ? 'One' : refusals.length} could not be ${verb}: ${reasons.join(' ')}`;
}
