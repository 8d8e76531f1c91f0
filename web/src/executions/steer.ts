/** Canceling and retrying, for one or several, and what became of it in words. */
import { useCallback, useRef } from 'react';
import { useMutation } from 'urql';
import { randomKey } from '@/api/id';
import { toast } from '@/components/toast';
import type { ExecutionRowFragment } from '@/gql/graphql';
import { failureWords, inBulk, refusalWords } from './bulk';
import { CancelExecutionsDocument, RetryExecutionsDocument } from './operations';

type Row = ExecutionRowFragment;

export interface Steered {
  /** Those canceled as they are now; or the new ones. */
  executions: readonly Row[];
  /** The ids that it was done to, of those asked for. */
  done: readonly string[];
  /** Why it was not done to all, where the server did not say so itself. */
  failed: string | undefined;
}

const executions = (number: number) => (number === 1 ? 'execution' : `${number} executions`);

/** Cancels. What the server refuses is said; what failed as a whole is for the caller to say. */
export function useCancel() {
  const [, cancel] = useMutation(CancelExecutionsDocument);
  return useCallback(
    async (rows: readonly { id: string }[], reason: string): Promise<Steered> => {
      const outcome = await inBulk<Row>(
        rows.map((row) => row.id),
        async (ids) => {
          const { data, error } = await cancel({ input: { ids, reason: reason.trim() || undefined } });
          return { answer: data?.cancelExecutions, error };
        },
      );
      const { done, refusals, error } = outcome;
      if (!error && outcome.executions.length > 0) toast(`Canceled ${executions(outcome.executions.length)}`);
      if (refusals.length > 0) toast(refusalWords(refusals, 'canceled'), 'bad');
      return { ...outcome, failed: error && failureWords(error, { of: rows.length, done: done.length, verb: 'canceled' }) };
    },
    [cancel],
  );
}

/**
 * Retries, each as a new execution. What is pressed twice, or again after an answer was lost, is
 * launched once: the key stays until the server has answered.
 */
export function useRetry() {
  const [, retry] = useMutation(RetryExecutionsDocument);
  const keys = useRef(new Map<string, string>());
  const running = useRef(new Set<string>());
  return useCallback(
    async (rows: readonly { id: string }[]): Promise<Steered> => {
      const all = rows.map((row) => row.id);
      const what = all.join();
      if (running.current.has(what)) return { executions: [], done: [], failed: undefined };
      running.current.add(what);
      const outcome = await inBulk<Row>(all, async (ids) => {
        const some = ids.join();
        const key = keys.current.get(some) ?? randomKey();
        keys.current.set(some, key);
        const { data, error } = await retry({ input: { ids, idempotency: { key } } });
        if (!error) keys.current.delete(some);
        return { answer: data?.retryExecutions, error };
      });
      running.current.delete(what);
      const { done, refusals, error } = outcome;
      if (!error && outcome.executions.length > 0) toast(`Launched ${executions(outcome.executions.length)} again`);
      if (refusals.length > 0) toast(refusalWords(refusals, 'retried'), 'bad');
      const failed = error && failureWords(error, { of: rows.length, done: done.length, verb: 'retried' });
      // Nothing is launched twice, so there is nothing to look up first.
      if (failed) toast(`${failed} You can press Retry again: none is launched twice.`, 'bad');
      return { ...outcome, failed };
    },
    [retry],
  );
}
