/** One execution, live until it ends. */
import { Ban, CirclePlay, FileText, MessagesSquare, RotateCcw } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { useQuery, useSubscription } from 'urql';
import { useConnection } from '@/api/connection';
import { isObject } from '@/api/json';
import { NotFound } from '@/app/NotFound';
import { paths } from '@/app/paths';
import { useDataSet } from '@/app/ShellContext';
import { Label } from '@/components/Badge';
import { Button, ButtonLink } from '@/components/Button';
import { CopyButton } from '@/components/CopyButton';
import { JsonTree } from '@/components/JsonTree';
import { Page } from '@/components/Page';
import { Progress } from '@/components/Progress';
import { ErrorState, Notice, Skeleton } from '@/components/states';
import { CATEGORY_WORDS, STATUS_WORDS, StatusPill } from '@/components/StatusPill';
import { Elapsed, Time } from '@/components/Time';
import { bytes, cost, count, span } from '@/components/time';
import { CancelDialog } from '@/executions/CancelDialog';
import { useCancel, useRetry } from '@/executions/steer';
import type { DetailQuery, ExplanationSource } from '@/gql/graphql';
import { DetailDocument, DetailStatusDocument } from './operations';
import { Result } from './Result';
import { Timeline } from './Timeline';

type Execution = NonNullable<DetailQuery['execution']>;

const EXPLAINED_BY: Record<ExplanationSource, string> = {
  MODEL: 'Explained by the model',
  VALIDATOR: 'Explained by the validator',
  AGENT: 'Explained by the agent',
  USER: 'In the words of who canceled it',
  SYSTEM: 'Explained by the server',
};

export function Component() {
  const { executionId = '' } = useParams();
  const [{ data, error, stale, fetching }, reload] = useQuery({
    query: DetailDocument,
    variables: { id: executionId },
    requestPolicy: 'cache-and-network',
  });
  const execution = data?.execution ?? undefined;
  // Live from this read's own cursor on, once it is a fresh one; entities go into the cache, and so to the query.
  const [follow, setFollow] = useState<{ id: string; after: string }>();
  if (execution && !stale && !fetching && !execution.isTerminal && follow?.id !== execution.id) {
    setFollow({ id: execution.id, after: execution.streamCursor });
  }
  useSubscription({
    query: DetailStatusDocument,
    variables: follow ?? { id: executionId },
    pause: follow?.id !== executionId,
  });

  if (execution) return <Detail execution={execution} />;
  if (error) return <ErrorState error={error} onRetry={() => reload({ requestPolicy: 'network-only' })} />;
  if (data && !fetching) return <NotFound what="execution" />;
  return <DetailSkeleton />;
}

function Detail({ execution }: { execution: Execution }) {
  const { id: dataSetId } = useDataSet();
  const navigate = useNavigate();
  const connection = useConnection();
  const cancel = useCancel();
  const retry = useRetry();
  const [asking, setAsking] = useState(false);
  const [retrying, setRetrying] = useState(false);
  const { status, isTerminal, failure, cancellation, startedAt, createdAt, finishedAt, progress, viewerCan } = execution;
  const name = execution.executionType?.name ?? execution.executionKey;
  const canceling = cancellation !== null && !isTerminal;
  const words = failure?.category === 'CANCELED' ? 'Canceled' : STATUS_WORDS[status];
  const cut = !isTerminal && (connection === 'reconnecting' || connection === 'polling');

  return (
    <Page
      title={
        <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
          {name}
          <StatusPill size="md" status={status} category={failure?.category} />
          {canceling && <span className="text-sm font-medium text-wait">Canceling…</span>}
        </span>
      }
      tabTitle={`${words} · ${name}`}
      description={
        <span className="flex min-w-0 items-center gap-x-1.5">
          <Link to={paths.history(dataSetId)} className="rounded hover:text-text hover:underline">
            History
          </Link>
          <span aria-hidden="true">/</span>
          <code className="min-w-0 truncate text-xs">{execution.id}</code>
          <CopyButton text={execution.id} label="Copy the id" />
        </span>
      }
      actions={
        <>
          {viewerCan.cancel && (
            <Button look="danger" icon={<Ban aria-hidden="true" />} onClick={() => setAsking(true)}>
              Cancel
            </Button>
          )}
          {viewerCan.retry && (
            <Button
              icon={<RotateCcw aria-hidden="true" />}
              busy={retrying}
              onClick={() => {
                setRetrying(true);
                void retry([execution]).then(([fresh]) => {
                  setRetrying(false);
                  if (fresh) void navigate(paths.execution(dataSetId, fresh.id));
                });
              }}
            >
              Retry
            </Button>
          )}
          <ButtonLink to={paths.launch(dataSetId, { from: execution.id })} icon={<CirclePlay aria-hidden="true" />}>
            Launch again
          </ButtonLink>
          <ButtonLink look="primary" to={paths.conversation(dataSetId, execution.conversation.id)} icon={<MessagesSquare aria-hidden="true" />}>
            Conversation
          </ButtonLink>
        </>
      }
    >
      <div aria-live="polite" className="sr-only">
        {canceling ? 'Canceling' : `Status: ${words}`}
      </div>
      {cut && (
        <div className="mb-4">
          <Notice tone="wait">
            {connection === 'polling'
              ? 'No stream comes through: this page is a few seconds behind.'
              : 'The connection was cut. What is shown may be old; the page catches up when it is back.'}
          </Notice>
        </div>
      )}
      <div className="grid items-start gap-4 xl:grid-cols-[minmax(0,1fr)_22rem] 2xl:grid-cols-[minmax(0,1fr)_26rem]">
        <div className="flex min-w-0 flex-col gap-4">
          {!isTerminal && (
            <Card title="Now">
              <div className="grid gap-4 sm:grid-cols-3">
                <Figure label={startedAt ? 'Running for' : 'Waiting for'}>
                  <Elapsed from={startedAt ?? createdAt} />
                </Figure>
                <Figure label="Time in the queue">{startedAt ? span(Date.parse(startedAt) - Date.parse(createdAt)) : <Elapsed from={createdAt} />}</Figure>
                <Figure label="Attempt">{`${execution.attempt} of ${execution.maxAttempts}`}</Figure>
              </div>
              {progress ? (
                <div className="mt-4">
                  <Progress className="flex! w-full [&>span:first-child]:h-2" {...progress} />
                  <p className="mt-1 min-h-5 text-sm text-muted">{progress.note}</p>
                </div>
              ) : (
                <p className="mt-4 text-sm text-muted">
                  {startedAt ? 'The agent has reported no progress yet.' : 'A worker takes it as soon as one is free.'}
                </p>
              )}
            </Card>
          )}
          {failure && <Failure execution={execution} />}
          {status === 'FINISHED' && (
            <Card title="Result">
              <Result value={execution.result} filename={`${execution.executionKey}-${execution.id.slice(-8)}.json`} />
            </Card>
          )}
          {execution.rejections.length > 0 && <Rejections execution={execution} />}
          <Card title="Input">
            {isObject(execution.input) && Object.keys(execution.input).length === 0 ? (
              <p className="text-sm text-muted">Launched without any field.</p>
            ) : (
              <JsonTree value={execution.input} label="Input" />
            )}
            {execution.files.length > 0 && (
              <ul aria-label="Files" className="mt-3 flex flex-col gap-1.5">
                {execution.files.map((file) => (
                  <li key={file.id}>
                    <a
                      href={file.downloadUrl}
                      download={file.filename}
                      className="flex items-center gap-3 rounded-lg border px-3 py-2 text-sm hover:bg-hover"
                    >
                      <FileText aria-hidden="true" className="size-4 shrink-0 text-faint" />
                      <span className="min-w-0 flex-1 truncate font-medium">{file.filename}</span>
                      <span className="tabular shrink-0 text-xs text-muted">{bytes(file.sizeBytes)}</span>
                      <span className="sr-only">Download</span>
                    </a>
                  </li>
                ))}
              </ul>
            )}
          </Card>
        </div>
        <div className="grid min-w-0 gap-4 md:grid-cols-2 xl:grid-cols-1">
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
          <Usage execution={execution} />
          <Card title="Timeline">
            <Timeline execution={execution} />
          </Card>
          {(execution.retryOf ?? execution.retries.nodes[0]) && <Lineage execution={execution} dataSetId={dataSetId} />}
        </div>
      </div>
      <CancelDialog number={asking ? 1 : 0} onClose={() => setAsking(false)} onCancel={(reason) => cancel([execution], reason)} />
    </Page>
  );
}

function Card({ title, children, tone }: { title: string; children: ReactNode; tone?: 'bad' }) {
  return (
    <section aria-label={title} className={`card min-w-0 p-4 sm:p-5 ${tone === 'bad' ? 'border-bad/40!' : ''}`}>
      <h2 className="mb-3 text-sm font-semibold">{title}</h2>
      {children}
    </section>
  );
}

function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="flex items-baseline justify-between gap-4">
      <dt className="shrink-0 text-muted">{label}</dt>
      <dd className="min-w-0 text-right wrap-anywhere">{children}</dd>
    </div>
  );
}

function Figure({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div>
      <div className="text-xs text-muted">{label}</div>
      <div className="tabular mt-0.5 text-xl font-semibold">{children}</div>
    </div>
  );
}

function Failure({ execution }: { execution: Execution }) {
  const { failure, cancellation, executionType } = execution;
  if (!failure) return null;
  const canceled = failure.category === 'CANCELED';
  const meaning = executionType?.failureCodes.find((one) => one.code === failure.code)?.description;
  return (
    <Card title={canceled ? 'Canceled' : 'Why it failed'} tone={canceled ? undefined : 'bad'}>
      <p className="text-base whitespace-pre-wrap wrap-anywhere">{failure.explanation}</p>
      <p className="mt-1 text-xs text-faint">{EXPLAINED_BY[failure.explanationSource]}</p>
      <dl className="mt-4 flex flex-col gap-2 border-t pt-3 text-sm">
        {!canceled && (
          <>
            <Fact label="Category">{CATEGORY_WORDS[failure.category]}</Fact>
            <Fact label="Code">
              <code className="text-xs">{failure.code}</code>
              {meaning && <span className="block text-xs text-muted">{meaning}</span>}
            </Fact>
          </>
        )}
        {cancellation && (
          <>
            <Fact label="Asked for by">
              {cancellation.requestedBy.name}, <Time at={cancellation.requestedAt} />
            </Fact>
            {cancellation.reason && cancellation.reason !== failure.explanation && <Fact label="Reason">{cancellation.reason}</Fact>}
            {cancellation.confirmedAt && (
              <Fact label="Stopped after">{span(Date.parse(cancellation.confirmedAt) - Date.parse(cancellation.requestedAt))}</Fact>
            )}
          </>
        )}
        <Fact label="Worth a retry">{failure.retryable ? 'Yes, it may go well the next time' : 'Not without a change'}</Fact>
      </dl>
    </Card>
  );
}

/** Newest first: what the last validator refused is what the agent is working on. */
function Rejections({ execution }: { execution: Execution }) {
  const newestFirst = execution.rejections.toReversed();
  return (
    <Card title="Refused by validators">
      <ol className="flex flex-col gap-3">
        {newestFirst.map((one, at) => (
          <li key={`${one.attempt} ${one.validator} ${one.occurredAt} ${at}`} className="rounded-lg bg-sunken p-3">
            <div className="flex flex-wrap items-baseline justify-between gap-x-3 text-xs text-muted">
              <span>
                {`Attempt ${one.attempt} · `}
                <code>{one.validator}</code>
                {` · ${one.willRetry ? 'tried again' : 'for good'}`}
              </span>
              <Time at={one.occurredAt} />
            </div>
            <p className="mt-1.5 text-sm whitespace-pre-wrap wrap-anywhere">{one.feedback}</p>
          </li>
        ))}
      </ol>
    </Card>
  );
}

function Usage({ execution: { usage } }: { execution: Execution }) {
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

function Lineage({ execution: { retryOf, retries }, dataSetId }: { execution: Execution; dataSetId: string }) {
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

function DetailSkeleton() {
  return (
    <Page title="Execution" description={<Skeleton className="h-4 w-64 max-w-full" />}>
      <div role="status" aria-label="Loading the execution" className="grid gap-4 xl:grid-cols-[minmax(0,1fr)_22rem]">
        <Skeleton className="h-72" />
        <Skeleton className="h-72" />
      </div>
    </Page>
  );
}
