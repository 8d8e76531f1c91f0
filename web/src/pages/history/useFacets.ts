import { useEffect, useRef } from 'react';
import { useQuery } from 'urql';
import type { ExecutionFilter, HistoryFacetsQuery } from '@/gql/graphql';
import { FACETS } from './facets';
import { HistoryFacetsDocument } from './operations';

/** Counting reads many rows: however much changes, it is asked for no oftener. */
const AT_MOST_EVERY_MS = 3_000;

/**
 * What occurs in the list, and how often. Asked for when it is wanted; while somebody looks at it,
 * again when the list has changed. `changes` counts up with each change.
 */
export function useFacets(
  filter: ExecutionFilter,
  changes: number,
  { isWanted, isLookedAt }: { isWanted: boolean; isLookedAt: boolean },
): HistoryFacetsQuery['executionFacets'] | undefined {
  const [{ data }, ask] = useQuery({
    query: HistoryFacetsDocument,
    variables: { filter, limit: FACETS },
    pause: !isWanted && !isLookedAt,
    requestPolicy: 'cache-and-network',
  });
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const counted = useRef(changes);
  useEffect(() => {
    if (!isLookedAt) counted.current = changes;
    if (changes === counted.current) return;
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      ask({ requestPolicy: 'network-only' });
    }, AT_MOST_EVERY_MS);
    counted.current = changes;
  }, [changes, isLookedAt, ask]);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    },
    [isLookedAt],
  );
  return data?.executionFacets;
}
