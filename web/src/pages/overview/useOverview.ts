/**
 * The numbers, kept fresh: asked for again when something changed, and no oftener than every ten
 * seconds, however much changes. While nothing does, nothing is asked.
 */
import { useEffect, useRef, useState } from 'react';
import { useClient, useQuery } from 'urql';
import { OverviewChangedDocument, OverviewDocument, OverviewFacetsDocument } from './documents';
import { rangeAt, type RangeName, RANGES } from './ranges';

const AT_MOST_EVERY_MS = 10_000;

const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function useOverview(dataSetId: string, name: RangeName, agentId: string | null) {
  const client = useClient();
  // When the numbers were last asked for: a range that ended with every render would never come to rest.
  const [now, setNow] = useState(() => Date.now());
  const range = rangeAt(name, now);
  const filter = { dataSetIds: [dataSetId], ...(agentId ? { agentIds: [agentId] } : {}) };
  const [stats, reloadStats] = useQuery({
    query: OverviewDocument,
    variables: { filter, range, interval: RANGES[name].interval, timeZone },
    requestPolicy: 'cache-and-network',
  });
  const [facets, reloadFacets] = useQuery({
    query: OverviewFacetsDocument,
    variables: { filter: { ...filter, createdAt: range } },
    requestPolicy: 'cache-and-network',
  });

  const again = useRef(() => {});
  useEffect(() => {
    again.current = () => {
      setNow(Date.now());
      reloadStats({ requestPolicy: 'network-only' });
      reloadFacets({ requestPolicy: 'network-only' });
    };
  });

  // Of the first answer: what changed since then is told, and what follows from that is asked for.
  const [after, setAfter] = useState<string>();
  const cursor = stats.data?.executions.streamCursor;
  if (after === undefined && cursor !== undefined) setAfter(cursor);

  useEffect(() => {
    if (after === undefined) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const { unsubscribe } = client
      .subscription(OverviewChangedDocument, { filter: { dataSetIds: [dataSetId] }, after })
      .subscribe(({ data }) => {
        if (!data) return;
        timer ??= setTimeout(() => {
          timer = undefined;
          again.current();
        }, AT_MOST_EVERY_MS);
      });
    return () => {
      unsubscribe();
      clearTimeout(timer);
    };
  }, [client, dataSetId, after]);

  return {
    stats: stats.data?.executionStats,
    facets: facets.data?.executionFacets,
    error: stats.error,
    isStale: stats.stale || stats.fetching,
    reload: () => again.current(),
  };
}
