/** Canceling and retrying, for one or several, and what became of it in words. */
import { useCallback } from 'react';
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

/** Retries, each as a new execution; gives those. A press that reaches the server twice makes one. */
export function useRetry() {
  const [, retry] = useMutation(RetryExecutionsDocument);
  return useCallback(
    async (rows: readonly { id: string }[]): Promise<readonly Row[]> => {
      const { data, error } = await retry({
        input: { ids: rows.map((row) => row.id), idempotency: { key: randomKey() } },
      });
      if (error) {
        toast(`Nothing was retried. ${errorWords(error).detail}`, 'bad');
        return [];
      }
      const payload = data?.retryExecutions;
      if (payload?.executions.length) toast(`Launched ${executions(payload.executions.length)} again`);
      if (payload?.errors.length) toast(refusals(payload.errors, 'retried'), 'bad');
      return payload?.executions ?? [];
    },
    [retry],
  );
}
