/** Canceling and retrying, for one or several, and what became of it in words. */
import { useCallback, useRef } from 'react';
import { useMutation } from 'urql';
import { randomKey } from '@/api/id';
import { toast } from '@/components/toast';
import { errorWords } from '@/components/states';
import type { ExecutionRowFragment } from '@/gql/graphql';
import { CancelExecutionsDocument, RetryExecutionsDocument } from './operations';

type Row = ExecutionRowFragment;

const executions = (number: number) => (number === 1 ? 'execution' : `${number} executions`);

/** "2 could not be: …", each reason once. */
function refusals(errors: readonly { message: string }[], verb: string): string {
  const reasons = [...new Set(errors.map((error) => error.message))];
  return `${errors.length === 1 ? 'One' : errors.length} could not be ${verb}: ${reasons.join(' ')}`;
}

/** Cancels; gives the executions as they are now. */
export function useCancel() {
  const [, cancel] = useMutation(CancelExecutionsDocument);
  return useCallback(
    async (rows: readonly { id: string }[], reason: string): Promise<readonly Row[]> => {
      const { data, error } = await cancel({
        input: { ids: rows.map((row) => row.id), reason: reason.trim() || undefined },
      });
      if (error) {
        toast(`Nothing was canceled. ${errorWords(error).detail}`, 'bad');
        return [];
      }
      const payload = data?.cancelExecutions;
      if (payload?.executions.length) toast(`Canceled ${executions(payload.executions.length)}`);
      if (payload?.errors.length) toast(refusals(payload.errors, 'canceled'), 'bad');
      return payload?.executions ?? [];
    },
    [cancel],
  );
}

/**
 * Retries, each as a new execution; gives those. What is pressed twice, or again after an answer was
 * lost, is launched once: the key stays until the server has answered.
 */
export function useRetry() {
  const [, retry] = useMutation(RetryExecutionsDocument);
  const keys = useRef(new Map<string, string>());
  const running = useRef(new Set<string>());
  return useCallback(
    async (rows: readonly { id: string }[]): Promise<readonly Row[]> => {
      const ids = rows.map((row) => row.id);
      const what = ids.join();
      if (running.current.has(what)) return [];
      running.current.add(what);
      const key = keys.current.get(what) ?? randomKey();
      keys.current.set(what, key);
      const { data, error } = await retry({ input: { ids, idempotency: { key } } });
      running.current.delete(what);
      if (error) {
        toast(`Nothing was retried. ${errorWords(error).detail}`, 'bad');
        return [];
      }
      keys.current.delete(what);
      const payload = data?.retryExecutions;
      if (payload?.executions.length) toast(`Launched ${executions(payload.executions.length)} again`);
      if (payload?.errors.length) toast(refusals(payload.errors, 'retried'), 'bad');
      return payload?.executions ?? [];
    },
    [retry],
  );
}
