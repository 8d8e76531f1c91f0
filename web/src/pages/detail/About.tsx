/** Beside the result: who, when, how much, and the executions that it was retried as. */
import { Link } from 'react-router';
import { paths } from '@/app/paths';
import { Label } from '@/components/Badge';
import { StatusPill } from '@/components/StatusPill';
import { Time } from '@/components/Time';
import { cost, count, span } from '@/components/time';
import { Card, type Execution, Fact } from './Card';

export function About({ execution, dataSetId }: { execution: Execution; dataSetId: string }) {
  const { createdAt, startedAt, finishedAt, isTerminal } = execution;
  return (
    <Card title="About">
      <dl className="flex flex-col gap-2.5 text-sm">
        <Fact label="Agent">
          <Link to={paths.agent(dataSetId, execution.agent.id)} className="rounded hover:underline">
            {execution.agent.name}
          </Link>
        </Fact>
        <Fact label="Launched by">{execution.launchedBy.name}</Fact>
        <Fact label="Launched">
          <Time at={createdAt} />
        </Fact>
        {isTerminal && (
          <>
            <Fact label="Time in the queue">{startedAt ? span(Date.parse(startedAt) - Date.parse(createdAt)) : 'never taken'}</Fact>
            <Fact label="Duration">{execution.durationMs === null ? '–' : span(execution.durationMs)}</Fact>
            <Fact label="Attempts">{`${execution.attempt} of ${execution.maxAttempts}`}</Fact>
          </>
        )}
        {finishedAt && (
          <Fact label="Ended">
            <Time at={finishedAt} />
          </Fact>
        )}
        {!startedAt && !isTerminal && execution.expiresAt && (
          <Fact label="Expires">
            <Time at={execution.expiresAt} />
          </Fact>
        )}
        {!isTerminal && execution.deadlineAt && (
          <Fact label="Times out">
            <Time at={execution.deadlineAt} />
          </Fact>
        )}
        {execution.labels.length > 0 && (
          <Fact label="Labels">
            <span className="flex flex-wrap justify-end gap-1">
              {execution.labels.map((label) => (
                <Label key={label}>{label}</Label>
              ))}
            </span>
          </Fact>
        )}
      </dl>
    </Card>
  );
}

export function Usage({ execution: { usage } }: { execution: Execution }) {
  return (
    <Card title="Usage">
      <dl className="tabular flex flex-col gap-2.5 text-sm">
        <Fact label="Tokens in">{count(usage.inputTokens)}</Fact>
        <Fact label="Tokens out">{count(usage.outputTokens)}</Fact>
        <Fact label="Model calls">{count(usage.modelCalls)}</Fact>
        <Fact label="Tool calls">{count(usage.toolCalls)}</Fact>
        <Fact label="Cost">{usage.costMicroUsd === null ? <span className="text-faint">not known</span> : cost(usage.costMicroUsd)}</Fact>
      </dl>
    </Card>
  );
}

export function Lineage({ execution: { retryOf, retries }, dataSetId }: { execution: Execution; dataSetId: string }) {
  const line = (one: NonNullable<Execution['retryOf']>, words: string) => (
    <li key={one.id}>
      <Link
        to={paths.execution(dataSetId, one.id)}
        className="-mx-2 flex items-center justify-between gap-3 rounded-md px-2 py-1.5 text-sm hover:bg-hover"
      >
        <span className="min-w-0">
          {words} <code className="text-xs text-muted">{`…${one.id.slice(-8)}`}</code>
          <Time at={one.createdAt} className="block text-xs text-faint" />
        </span>
        <StatusPill status={one.status} category={one.failure?.category} />
      </Link>
    </li>
  );
  return (
    <Card title="Retries">
      <ul className="flex flex-col gap-1">
        {retries.nodes.map((one) => line(one, 'Retried as'))}
        {retryOf && line(retryOf, 'A retry of')}
      </ul>
      {retries.pageInfo.hasNextPage && <p className="mt-1 text-xs text-muted">and older ones</p>}
    </Card>
  );
}
