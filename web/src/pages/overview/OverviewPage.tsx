/** The data set at a glance: pictures to look at instead of rows to read. Each leads to its rows. */
import { ChartColumn } from 'lucide-react';
import type { ReactNode } from 'react';
import { Link, useSearchParams } from 'react-router';
import { paths } from '@/app/paths';
import { useDataSet } from '@/app/ShellContext';
import { RankBars } from '@/charts/RankBars';
import { compact, timeTicks, wholeTicks } from '@/charts/scale';
import { type Series, TimeChart } from '@/charts/TimeChart';
import { Button, ButtonLink } from '@/components/Button';
import { Page } from '@/components/Page';
import { CATEGORY_WORDS, STATUS_WORDS } from '@/components/StatusPill';
import { EmptyState, ErrorState, errorWords, Notice, Skeleton } from '@/components/states';
import { Time } from '@/components/Time';
import { cost, count, span } from '@/components/time';
import type { ExecutionStatus, OverviewQuery } from '@/gql/graphql';
import { isRange, type RangeName, RANGES, stepLabel, stepTitle } from './ranges';
import { useOverview } from './useOverview';

type Stats = OverviewQuery['executionStats'];
type StatusCounts = Stats['statusCounts'];

/** From below: what ended well is the ground that the rest stands on. */
const OUTCOMES: (Series & { key: ExecutionStatus })[] = [
  { key: 'FINISHED', label: STATUS_WORDS.FINISHED, swatch: 'bg-chart-ok', fill: 'fill-chart-ok', stroke: 'stroke-chart-ok' },
  { key: 'FAILED', label: STATUS_WORDS.FAILED, swatch: 'bg-chart-bad', fill: 'fill-chart-bad', stroke: 'stroke-chart-bad' },
  { key: 'IN_PROGRESS', label: STATUS_WORDS.IN_PROGRESS, swatch: 'bg-chart-run', fill: 'fill-chart-run', stroke: 'stroke-chart-run' },
  { key: 'PENDING', label: STATUS_WORDS.PENDING, swatch: 'bg-chart-wait', fill: 'fill-chart-wait', stroke: 'stroke-chart-wait' },
];
const PERCENTILES: Series[] = [
  { key: 'p50', label: 'Median', swatch: 'bg-chart-accent', fill: 'fill-chart-accent', stroke: 'stroke-chart-accent' },
  { key: 'p90', label: '90th percentile', swatch: 'bg-chart-run', fill: 'fill-chart-run', stroke: 'stroke-chart-run' },
  { key: 'p99', label: '99th percentile', swatch: 'bg-chart-wait', fill: 'fill-chart-wait', stroke: 'stroke-chart-wait' },
];

const countOf = (counts: StatusCounts, status: ExecutionStatus) => counts.find((one) => one.status === status)?.count ?? 0;

export function Component() {
  const { id } = useDataSet();
  // Figures, and where their stream goes on, belong to one data set.
  return <Overview key={id} />;
}

function Overview() {
  const { id, dataSet } = useDataSet();
  const [params, setParams] = useSearchParams();
  const asked = params.get('range');
  const range: RangeName = isRange(asked) ? asked : '24h';
  const agentId = params.get('agent');
  const { stats, facets, error, isStale, reload } = useOverview(id, range, agentId);
  const agentName = stats?.agents.find((one) => one.agent.id === agentId)?.agent.name;
  const partly = facets && !facets.isExact ? 'among the newest executions; there may be others' : undefined;
  const history = (more: Record<string, string> = {}) =>
    paths.history(id, `?${new URLSearchParams({ span: range, ...(agentId ? { agent: agentId } : {}), ...more })}`);

  return (
    <Page
      title="Overview"
      description={
        agentId ? (
          <>
            {`Only ${agentName ?? 'one agent'}. `}
            <Link to={`?range=${range}`} className="text-accent-text hover:underline">
              All agents
            </Link>
          </>
        ) : (
          `What happened in ${dataSet?.name ?? 'the data set'} ${RANGES[range].words}`
        )
      }
      actions={
        <RangePicker
          range={range}
          onChange={(next) => {
            const search = new URLSearchParams(params);
            search.set('range', next);
            setParams(search, { replace: true });
          }}
        />
      }
    >
      {error && !stats ? (
        <ErrorState error={error} onRetry={reload} />
      ) : !stats ? (
        <Loading />
      ) : (
        <div aria-busy={isStale} className="grid grid-cols-1 gap-4">
          {error && (
            <Notice action={<Button onClick={reload}>Try again</Button>}>
              {`The figures could not be read anew: these are of `}
              <Time at={stats.asOf} />
              {`. ${errorWords(error).title}. ${errorWords(error).detail}`}
            </Notice>
          )}
          {!stats.isExact && (
            <Notice tone="wait">
              More was launched than figures are made of. All of them are of the newest executions
              {stats.from && (
                <>
                  , those since <Time at={stats.from} />
                </>
              )}
              .
            </Notice>
          )}
          <Tiles stats={stats} history={history} />
          {stats.totalCount === 0 ? (
            <div className="card">
              <EmptyState
                icon={<ChartColumn aria-hidden="true" />}
                title={`Nothing was launched ${RANGES[range].words}`}
                action={<ButtonLink to={paths.launch(id)} look="primary">Launch one</ButtonLink>}
              />
            </div>
          ) : (
            <>
              <Card title="Executions by outcome" note="when they were launched">
                <TimeChart
                  kind="bars"
                  label="Executions over time by outcome"
                  series={OUTCOMES}
                  axis={wholeTicks}
                  format={compact}
                  height={240}
                  points={stats.series.map((point) => ({
                    label: stepLabel(range, point.from),
                    title: stepTitle(range, point.from, point.to),
                    values: Object.fromEntries(point.statusCounts.map((one) => [one.status, one.count])),
                  }))}
                />
              </Card>
              <div className="grid grid-cols-1 gap-4 lg:grid-cols-2 min-[100rem]:grid-cols-3">
                <Card title="How long they ran">
                  <TimeChart
                    kind="lines"
                    label="Percentiles of the duration over time"
                    series={PERCENTILES}
                    axis={timeTicks}
                    format={span}
                    points={stats.series.map((point) => ({
                      label: stepLabel(range, point.from),
                      title: stepTitle(range, point.from, point.to),
                      values: point.duration
                        ? { p50: point.duration.p50Ms, p90: point.duration.p90Ms, p99: point.duration.p99Ms }
                        : {},
                    }))}
                  />
                </Card>
                <Card title="Why they failed">
                  <Failures stats={stats} history={history} />
                </Card>
                <Card title="By agent">
                  <Agents stats={stats} range={range} history={history} />
                </Card>
                <Card title="Tokens and cost by agent">
                  <Usage stats={stats} />
                </Card>
                {facets && (
                  <>
                    <Card title="What was launched" note={partly}>
                      <Facet
                        label="Execution types"
                        isExact={facets.isExact}
                        rows={facets.executionKeys.map((one) => ({ key: one.value, name: one.label, count: one.count, to: history({ type: one.value }) }))}
                      />
                    </Card>
                    <Card title="Who launched, and labels" note={partly}>
                      <div className="grid grid-cols-1 gap-5">
                        <Facet
                          label="Launched by"
                          isExact={facets.isExact}
                          rows={facets.launchedBy.map((one) => ({ key: one.user.id, name: one.user.name, count: one.count, to: history({ by: one.user.id }) }))}
                        />
                        {facets.labels.length > 0 && (
                          <Facet
                            label="Labels"
                            isExact={facets.isExact}
                            rows={facets.labels.map((one) => ({ key: one.value, name: one.label, count: one.count, to: history({ label: one.value }) }))}
                          />
                        )}
                      </div>
                    </Card>
                  </>
                )}
              </div>
            </>
          )}
        </div>
      )}
    </Page>
  );
}

function RangePicker({ range, onChange }: { range: RangeName; onChange: (range: RangeName) => void }) {
  return (
    <fieldset className="flex rounded-lg border bg-sunken p-0.5">
      <legend className="sr-only">Time</legend>
      {(Object.keys(RANGES) as RangeName[]).map((name) => (
        <label
          key={name}
          className="cursor-pointer rounded-md px-3 py-1 text-sm font-medium text-muted hover:text-text has-checked:bg-surface has-checked:text-text has-checked:shadow-card has-focus-visible:outline-2 has-focus-visible:outline-focus"
        >
          <input type="radio" name="range" className="sr-only" checked={name === range} onChange={() => onChange(name)} />
          {RANGES[name].label}
        </label>
      ))}
    </fieldset>
  );
}

function Card({ title, note, children }: { title: string; note?: string | undefined; children: ReactNode }) {
  return (
    <section className="card min-w-0 p-4" aria-label={title}>
      <h2 className="mb-3 text-sm font-semibold">
        {title}
        {note && <span className="ml-2 font-normal text-muted">{note}</span>}
      </h2>
      {children}
    </section>
  );
}

type History = (more?: Record<string, string>) => string;

function Tiles({ stats, history }: { stats: Stats; history: History }) {
  const finished = countOf(stats.statusCounts, 'FINISHED');
  const failed = countOf(stats.statusCounts, 'FAILED');
  const running = countOf(stats.statusCounts, 'IN_PROGRESS');
  const pending = countOf(stats.statusCounts, 'PENDING');
  const ended = finished + failed;
  const { duration, queueTime, usage, oldestPendingMs } = stats;
  return (
    <dl className="grid grid-cols-2 gap-3 md:grid-cols-3 xl:grid-cols-6">
      <Tile name="Executions" value={count(stats.totalCount, stats.isExact)} note={`${count(running)} running, ${count(pending)} pending`} to={history()} />
      <Tile
        name="Finished well"
        value={ended > 0 ? percent(finished / ended) : '–'}
        note={`${count(failed)} failed`}
        to={history({ status: 'failed' })}
      />
      <Tile name="Duration" value={duration ? span(duration.p50Ms) : '–'} note={duration ? `90 % within ${span(duration.p90Ms)}` : 'nothing has run'} />
      <Tile
        name="Oldest in the queue"
        value={oldestPendingMs == null ? '–' : span(oldestPendingMs)}
        note={queueTime ? `half waited ${span(queueTime.p50Ms)}` : 'nothing waits'}
        to={history({ status: 'pending' })}
      />
      <Tile
        name="Tokens"
        value={compact(usage.inputTokens + usage.outputTokens)}
        note={`${compact(usage.inputTokens)} in, ${compact(usage.outputTokens)} out`}
      />
      {/* Nothing is known to have been spent; that it was free would be another thing to say. */}
      <Tile name="Cost" value={usage.costMicroUsd === 0 && usage.modelCalls > 0 ? '–' : cost(usage.costMicroUsd)} note={`${calls('model', usage.modelCalls)}, ${calls('tool', usage.toolCalls)}`} />
    </dl>
  );
}

const calls = (of: string, number: number) => `${compact(number)} ${of} ${number === 1 ? 'call' : 'calls'}`;

const percent = (part: number) => {
  const value = part * 100;
  // Not all is well while one has failed.
  return `${value > 99.9 && value < 100 ? '> 99.9' : Number(value.toFixed(value < 10 || value > 99 ? 1 : 0))} %`;
};

function Tile({ name, value, note, to }: { name: string; value: string; note: string; to?: string }) {
  return (
    <div className="card relative p-4">
      <dt className="text-xs font-medium text-muted">
        {to ? (
          <Link to={to} className="after:absolute after:inset-0 hover:underline">
            {name}
          </Link>
        ) : (
          name
        )}
      </dt>
      <dd className="mt-1">
        <span className="block text-xl font-semibold tracking-tight tabular">{value}</span>
        <span className="mt-0.5 block text-xs text-muted">{note}</span>
      </dd>
    </div>
  );
}

function Failures({ stats, history }: { stats: Stats; history: History }) {
  if (stats.failures.length === 0) return <Nothing>Nothing failed.</Nothing>;
  const total = stats.failures.reduce((sum, one) => sum + one.count, 0);
  return (
    <RankBars
      label="Failures by code"
      ranks={stats.failures.slice(0, 8).map((one) => ({
        key: `${one.category}/${one.code}`,
        label: (
          <Link to={history({ failure: one.category.toLowerCase() })} className="hover:underline">
            {CATEGORY_WORDS[one.category]}
          </Link>
        ),
        note: one.code === one.category.toLowerCase() ? undefined : <code>{one.code}</code>,
        value: count(one.count),
        parts: [
          {
            value: one.count,
            fill: one.category === 'CANCELED' ? 'bg-faint' : 'bg-chart-bad',
            label: `${CATEGORY_WORDS[one.category]}: ${count(one.count)}, ${percent(one.count / total)} of all failures`,
          },
        ],
      }))}
    />
  );
}

const sum = (counts: StatusCounts) => counts.reduce((total, one) => total + one.count, 0);

function Agents({ stats, range, history }: { stats: Stats; range: RangeName; history: History }) {
  const ranked = [...stats.agents].sort((one, other) => sum(other.statusCounts) - sum(one.statusCounts)).slice(0, 8);
  return (
    <RankBars
      label="Executions by agent"
      ranks={ranked.map(({ agent, statusCounts, duration }) => ({
        key: agent.id,
        label: (
          <Link to={`?range=${range}&agent=${agent.id}`} className="hover:underline">
            {agent.name}
          </Link>
        ),
        note: duration ? `half within ${span(duration.p50Ms)}` : undefined,
        value: (
          <Link to={history({ agent: agent.id })} className="hover:underline" aria-label={`${count(sum(statusCounts))} executions of ${agent.name}`}>
            {count(sum(statusCounts))}
          </Link>
        ),
        parts: OUTCOMES.map((outcome) => ({
          value: countOf(statusCounts, outcome.key),
          fill: outcome.swatch,
          label: `${outcome.label}: ${count(countOf(statusCounts, outcome.key))}`,
        })),
      }))}
    />
  );
}

function Usage({ stats }: { stats: Stats }) {
  const ranked = stats.agents
    .filter(({ usage }) => usage.inputTokens + usage.outputTokens > 0 || usage.costMicroUsd > 0)
    .sort((one, other) => other.usage.costMicroUsd - one.usage.costMicroUsd || tokens(other) - tokens(one))
    .slice(0, 8);
  if (ranked.length === 0) return <Nothing>No model was called. The rehearsal model costs nothing, and counts no tokens.</Nothing>;
  return (
    <RankBars
      label="Tokens by agent"
      ranks={ranked.map((one) => ({
        key: one.agent.id,
        label: one.agent.name,
        note: `${compact(one.usage.inputTokens)} in, ${compact(one.usage.outputTokens)} out`,
        value: one.usage.costMicroUsd > 0 ? cost(one.usage.costMicroUsd) : 'no cost',
        parts: [
          { value: one.usage.inputTokens, fill: 'bg-chart-accent', label: `${count(one.usage.inputTokens)} tokens in` },
          { value: one.usage.outputTokens, fill: 'bg-chart-run', label: `${count(one.usage.outputTokens)} tokens out` },
        ],
      }))}
    />
  );
}

const tokens = (one: Stats['agents'][number]) => one.usage.inputTokens + one.usage.outputTokens;

function Facet({
  label,
  isExact,
  rows,
}: {
  label: string;
  /** False where only the newest executions were counted. */
  isExact: boolean;
  rows: { key: string; name: string; count: number; to: string }[];
}) {
  return (
    <RankBars
      label={label}
      ranks={rows.map((row) => ({
        key: row.key,
        label: (
          <Link to={row.to} className="hover:underline">
            {row.name}
          </Link>
        ),
        value: count(row.count, isExact),
        parts: [{ value: row.count, fill: 'bg-chart-accent', label: `${row.name}: ${count(row.count, isExact)}` }],
      }))}
    />
  );
}

function Nothing({ children }: { children: string }) {
  return <p className="py-8 text-center text-sm text-muted">{children}</p>;
}

function Loading() {
  return (
    <div role="status" aria-label="Loading the overview" className="grid grid-cols-1 gap-4">
      <div className="grid grid-cols-2 gap-3 md:grid-cols-3 xl:grid-cols-6">
        {Array.from({ length: 6 }, (_, place) => (
          <Skeleton key={place} className="h-24" />
        ))}
      </div>
      <Skeleton className="h-80" />
      <div className="grid grid-cols-1 gap-4 lg:grid-cols-2">
        <Skeleton className="h-72" />
        <Skeleton className="h-72" />
      </div>
    </div>
  );
}
