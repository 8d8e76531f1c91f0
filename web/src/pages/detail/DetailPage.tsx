/** One execution, live until it ends. */
import { Ban, CirclePlay, FileText, MessagesSquare, RotateCcw } from 'lucide-react';
import { useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { useQuery, useSubscription } from 'urql';
import { useConnection } from '@/api/connection';
import { isObject } from '@/api/json';
import { NotFound } from '@/app/NotFound';
import { paths } from '@/app/paths';
import { useDataSet } from '@/app/ShellContext';
import { Button, ButtonLink } from '@/components/Button';
import { CopyButton } from '@/components/CopyButton';
import { JsonTree } from '@/components/JsonTree';
import { Page } from '@/components/Page';
import { Progress } from '@/components/Progress';
import { ErrorState, Notice, Skeleton } from '@/components/states';
import { STATUS_WORDS, StatusPill } from '@/components/StatusPill';
import { Elapsed } from '@/components/Time';
import { bytes, span } from '@/components/time';
import { CancelDialog } from '@/executions/CancelDialog';
import { useCancel, useRetry } from '@/executions/steer';
import { About, Lineage, Usage } from './About';
import { Card, type Execution, Figure } from './Card';
import { Failure, Rejections } from './Failure';
import { DetailDocument, DetailStatusDocument } from './operations';
import { Result } from './Result';
import { Steps } from './Steps';
import { Timeline } from './Timeline';

export function Component() {
  const { executionId = '' } = useParams();
  const [{ data, error, stale, fetching }, reload] = useQuery({
    query: DetailDocument,
    variables: { id: executionId },
    requestPolicy: 'cache-and-network',
  });
  // While another one is read, the last answer is of the one before.
  const execution = data?.execution?.id === executionId ? data.execution : undefined;
  // Live from this read's own cursor on, once it is a fresh one; entities go into the cache, and so to the query.
  const [follow, setFollow] = useState<{ id: string; after: string }>();
  if (execution && !stale && !fetching && !execution.isTerminal && follow?.id !== execution.id) {
    setFollow({ id: execution.id, after: execution.streamCursor });
  }
  const [{ error: refused }] = useSubscription({
    query: DetailStatusDocument,
    variables: follow ?? { id: executionId },
    pause: follow?.id !== executionId,
  });
  const again = () => {
    setFollow(undefined);
    reload({ requestPolicy: 'network-only' });
  };

  if (execution) return <Detail key={execution.id} execution={execution} onReload={refused && !execution.isTerminal ? again : undefined} />;
  if (error) return <ErrorState error={error} onRetry={() => reload({ requestPolicy: 'network-only' })} />;
  if (data?.execution === null && !fetching) return <NotFound what="execution" />;
  return <DetailSkeleton />;
}

/** `onReload` where its stream was refused: what is shown no longer changes. */
function Detail({ execution, onReload }: { execution: Execution; onReload: (() => void) | undefined }) {
  const { id: dataSetId } = useDataSet();
  const navigate = useNavigate();
  const connection = useConnection();
  const cancel = useCancel();
  const retry = useRetry();
  const [asking, setAsking] = useState(false);
  const [retrying, setRetrying] = useState(false);
  const { status, isTerminal, failure, cancellation, startedAt, createdAt, progress, viewerCan } = execution;
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
                void retry([execution]).then(({ executions: [fresh] }) => {
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
          <ButtonLink look="primary" to={paths.conversation(dataSetId, execution.conversation.id, execution.id)} icon={<MessagesSquare aria-hidden="true" />}>
            Conversation
          </ButtonLink>
        </>
      }
    >
      <div aria-live="polite" className="sr-only">
        {canceling ? 'Canceling' : `Status: ${words}`}
      </div>
      {onReload && (
        <div className="mb-4">
          <Notice tone="wait" action={<Button size="sm" onClick={onReload}>Reload</Button>}>
            This page is no longer live.
          </Notice>
        </div>
      )}
      {cut && !onReload && (
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
              <div className="grid grid-cols-3 gap-4">
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
          <Steps key={execution.id} execution={execution} dataSetId={dataSetId} />
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
          <About execution={execution} dataSetId={dataSetId} />
          <Usage execution={execution} />
          <Card title="Timeline">
            <Timeline execution={execution} />
          </Card>
          {(execution.retryOf ?? execution.retries.nodes[0]) && <Lineage execution={execution} dataSetId={dataSetId} />}
        </div>
      </div>
      {asking && (
        <CancelDialog number={1} onClose={() => setAsking(false)} onCancel={async (reason) => (await cancel([execution], reason)).failed} />
      )}
    </Page>
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
