/**
 * The numbers, kept fresh: asked for again when something changed, and no oftener than every ten
 * seconds, however much changes. While nothing does, nothing is asked.
 */
import { useEffect, useRef, useState } from 'react';
import { createRequest, useClient, useQuery, type UseQueryState } from 'urql';
import type { OverviewFacetsQuery, OverviewQuery } from '@/gql/graphql';
import { OverviewChangedDocument, OverviewDocument, OverviewFacetsDocument, OverviewStartDocument } from './documents';
import { rangeAt, type RangeName, RANGES } from './ranges';

const AT_MOST_EVERY_MS = 10_000;

const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function useOverview(dataSetId: string, name: RangeName, agentId: string | null) {
  const client = useClient();
  // When the numbers were last asked for: a range that ended with every render would never come to rest.
  const [now, setNow] = useState(() => Date.now());
  const range = rangeAt(name, now);
  const filter = { dataSetIds: [dataSetId], ...(agentId ? { agentIds: [agentId] } : {}) };

  // Of the first answer: what changed since then is told, and what follows from that is asked for.
  const [after, setAfter] = useState<string>();
  const [start, startAgain] = useQuery({
    query: OverviewStartDocument,
    variables: { filter: { dataSetIds: [dataSetId] } },
    requestPolicy: 'network-only',
    pause: after !== undefined,
  });
  const cursor = start.data?.executions.streamCursor;
  if (after === undefined && cursor !== undefined) setAfter(cursor);

  const wait = { requestPolicy: 'cache-and-network', pause: after === undefined } as const;
  const ofStats = { filter, range, interval: RANGES[name].interval, timeZone };
  const ofFacets = { filter: { ...filter, createdAt: range } };
  const [stats, reloadStats] = useQuery({ query: OverviewDocument, variables: ofStats, ...wait });
  const [facets, reloadFacets] = useQuery({ query: OverviewFacetsDocument, variables: ofFacets, ...wait });
  // What figures belong to, whenever they were read.
  const of = `${dataSetId} ${name} ${agentId ?? ''}`;
  const [lastStats, setLastStats] = useState<Last<OverviewQuery['executionStats']>>();
  const [lastFacets, setLastFacets] = useState<Last<OverviewFacetsQuery['executionFacets']>>();
  // urql has no data after an error, and that of other variables until the answer to these is there: the last that
  // belongs here is kept instead.
  const newStats = answered(stats, createRequest(OverviewDocument, ofStats).key)?.executionStats;
  if (newStats && lastStats?.figures !== newStats) setLastStats({ of, figures: newStats });
  const newFacets = answered(facets, createRequest(OverviewFacetsDocument, ofFacets).key)?.executionFacets;
  if (newFacets && lastFacets?.figures !== newFacets) setLastFacets({ of, figures: newFacets });
  // Meanwhile those of an earlier visit are shown.
  const held = { requestPolicy: 'cache-only' } as const;
  const heldStats = after === undefined ? client.readQuery(OverviewDocument, ofStats, held)?.data : undefined;
  const heldFacets = after === undefined ? client.readQuery(OverviewFacetsDocument, ofFacets, held)?.data : undefined;

  const again = useRef(() => {});
  useEffect(() => {
    again.current = () => {
      setNow(Date.now());
      reloadStats({ requestPolicy: 'network-only' });
      reloadFacets({ requestPolicy: 'network-only' });
    };
  });

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
    stats: newStats ?? (lastStats?.of === of ? lastStats.figures : heldStats?.executionStats),
    facets: newFacets ?? (lastFacets?.of === of ? lastFacets.figures : heldFacets?.executionFacets),
    error: start.error ?? stats.error,
    isStale: after === undefined || stats.stale || stats.fetching,
    reload: () => (after === undefined ? startAgain({ requestPolicy: 'network-only' }) : again.current()),
  };
}

/** Figures, with what they belong to. */
interface Last<Figures> {
  of: string;
  figures: Figures;
}

/** The answer to these very variables. */
const answered = <Data>({ data, operation }: UseQueryState<Data>, key: number): Data | undefined =>
  operation?.key === key ? data : undefined;
