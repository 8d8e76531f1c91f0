/** One conversation: of an execution, to read; or with an agent, to go on with. */
import { ArrowDown, ArrowLeft, Bot, CirclePlay } from 'lucide-react';
import { useCallback, useEffect, useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { NotFound } from '@/app/NotFound';
import { paths } from '@/app/paths';
import { useSession } from '@/app/ShellContext';
import { Badge } from '@/components/Badge';
import { Button } from '@/components/Button';
import { StatusPill } from '@/components/StatusPill';
import { EmptyState, ErrorState, errorWords, Notice, Skeleton } from '@/components/states';
import { Elapsed, Time } from '@/components/Time';
import { Composer } from './Composer';
import { ConversationList } from './ConversationList';
import { Transcript } from './Transcript';
import { sizeOf } from './drafts';
import type { Entry } from './transcript';
import { useDraft } from './useDraft';
import { useKeptPlace } from './useKeptPlace';
import { useStickToEnd } from './useStickToEnd';
import { type Conversation, useTranscript } from './useTranscript';

export function Component() {
  const { conversationId = '', dataSetId = '', executionId } = useParams();
  // All that is held belongs to one conversation.
  return <ConversationPage key={conversationId} id={conversationId} dataSetId={dataSetId} executionId={executionId} />;
}

function ConversationPage({
  id,
  dataSetId,
  executionId,
}: {
  id: string;
  dataSetId: string;
  /** As the address says. */
  executionId: string | undefined;
}) {
  const followed = useTranscript(id);
  const { conversation, error } = followed;
  const title = conversation ? titleOf(conversation) : 'Conversation';
  useEffect(() => {
    document.title = `${title} · agentic-executions`;
  }, [title]);

  // An address made elsewhere may not know whose it is. The page stays, only its place in the navigation changes.
  const navigate = useNavigate();
  const isElsewhere = conversation != null && conversation.execution?.id !== executionId;
  const place = paths.conversation(dataSetId, id, conversation?.execution?.id);
  useEffect(() => {
    if (isElsewhere) void navigate(place, { replace: true, preventScrollReset: true });
  }, [isElsewhere, place, navigate]);

  if (conversation === null) return <NotFound what="conversation" />;
  const isExecution = conversation?.execution != null;
  return (
    <div className="flex">
      {conversation && !isExecution && (
        <aside aria-label="Conversations" className="sticky top-0 hidden h-dvh w-80 shrink-0 overflow-y-auto border-r px-3 py-5 xl:block">
          <ConversationList dataSetId={dataSetId} current={id} />
        </aside>
      )}
      <div className="mx-auto flex min-h-[calc(100dvh-3rem)] w-full max-w-4xl min-w-0 flex-1 flex-col px-4 sm:px-6 lg:min-h-dvh">
        {error && !conversation ? (
          <ErrorState error={error} onRetry={followed.retry} />
        ) : conversation ? (
          <Loaded conversation={conversation} followed={followed} dataSetId={dataSetId} title={title} />
        ) : (
          <Loading />
        )}
      </div>
    </div>
  );
}

function titleOf(conversation: Conversation): string {
  const { execution } = conversation;
  if (execution) return execution.executionType?.name ?? execution.executionKey;
  return conversation.title ?? `With ${conversation.agent.name}`;
}

function Loaded({
  conversation,
  followed,
  dataSetId,
  title,
}: {
  conversation: Conversation;
  followed: ReturnType<typeof useTranscript>;
  dataSetId: string;
  title: string;
}) {
  const { execution } = conversation;
  const { transcript, streamError } = followed;
  const session = useSession();
  const isMine = session?.user.id === conversation.startedBy.id;
  const isReplying = !execution && (transcript.owesAnswer ?? conversation.activity === 'REPLYING');
  const isOver = execution ? execution.isTerminal : !isReplying;
  const draft = useDraft(conversation.id, !isOver, transcript);
  const { list, note } = useKeptPlace(transcript.entries[0]?.key);
  // It goes when all is there: whoever pressed it reads on.
  const earlierButton = useCallback(
    (button: HTMLButtonElement) => () => {
      if (document.activeElement === button) list.current?.focus({ preventScroll: true });
    },
    [list],
  );
  return (
    <>
      <header className="sticky top-12 z-20 -mx-4 flex flex-wrap items-center gap-x-3 gap-y-1 border-b bg-bg/95 px-4 py-3 backdrop-blur-sm sm:-mx-6 sm:px-6 lg:top-0">
        <Link
          to={execution ? paths.execution(dataSetId, execution.id) : paths.conversations(dataSetId)}
          aria-label={execution ? 'Back to the execution' : 'Back to the conversations'}
          className="flex size-8 shrink-0 items-center justify-center rounded-md text-muted hover:bg-hover hover:text-text"
        >
          <ArrowLeft aria-hidden="true" className="size-4" />
        </Link>
        <div className="min-w-0 flex-1">
          <h1 className="truncate text-lg font-semibold tracking-tight">{title}</h1>
          <p className="truncate text-xs text-muted">
            {[
              execution ? 'Execution' : null,
              conversation.agent.name,
              execution || !isMine ? `by ${conversation.startedBy.name}` : null,
              '',
            ]
              .filter((one) => one !== null)
              .join(' · ')}
            <Time at={conversation.createdAt} />
          </p>
        </div>
        {execution ? (
          <div className="flex items-center gap-3" role="status">
            <span className="text-xs text-muted">
              <Elapsed from={execution.createdAt} to={execution.finishedAt} />
            </span>
            <StatusPill status={execution.status} category={execution.failure?.category} size="md" />
          </div>
        ) : (
          isReplying && <Badge tone="run">answering</Badge>
        )}
      </header>

      <div className="flex-1 py-6">
        {followed.hasEarlier && (
          <div className="mb-6 grid grid-cols-1 justify-items-center gap-3">
            {followed.earlierError && (
              <Notice>{`What was said earlier could not be read. ${errorWords(followed.earlierError).title}. ${errorWords(followed.earlierError).detail}`}</Notice>
            )}
            <Button ref={earlierButton} busy={followed.isLoadingEarlier} onClick={() => void followed.loadEarlier(note)}>
              Show earlier
            </Button>
          </div>
        )}
        {transcript.entries.length === 0 ? (
          <EmptyState icon={execution ? <CirclePlay aria-hidden="true" /> : <Bot aria-hidden="true" />} title={execution ? 'Nothing was said yet' : `Say something to ${conversation.agent.name}`}>
            {execution ? 'What the agent does appears here as it happens.' : 'The agent answers here, and shows what it looks up on the way.'}
          </EmptyState>
        ) : (
          <Transcript
            ref={list}
            transcript={transcript}
            draft={draft}
            speaker={execution ? 'Launch' : isMine ? 'You' : conversation.startedBy.name}
            isOver={isOver}
          />
        )}
        {!isOver && !draft && transcript.entries.length > 0 && <Working />}
        <div role="log" aria-live="polite" className="sr-only">
          {lastWords(transcript.entries)}
        </div>
      </div>

      {streamError && (
        <div className="mb-3">
          <Notice action={<Button onClick={followed.retry}>Follow again</Button>}>
            {`${errorWords(streamError).title}: what is shown no longer grows. ${errorWords(streamError).detail}`}
          </Notice>
        </div>
      )}
      {session && <Composer conversation={conversation} isReplying={isReplying} userId={session.user.id} />}
      {transcript.entries.length > 0 && (
        <FollowEnd conversation={conversation} entries={transcript.entries} growth={sizeOf(draft)} />
      )}
    </>
  );
}

/** For those who listen: who spoke last. The words themselves can be read. */
function lastWords(entries: readonly Entry[]): string {
  const last = entries.at(-1);
  switch (last?.kind) {
    case 'answer':
      return `The agent spoke at ${new Date(last.message.createdAt).toLocaleTimeString()}`;
    case 'refusal':
      return `A validator refused attempt ${last.refusal.attempt}`;
    case 'attempt':
      return `Attempt ${last.attempt} began`;
    case 'status':
      return last.change.to === 'IN_PROGRESS' ? 'The execution is in progress' : `The execution is ${last.change.to.toLowerCase()}`;
    default:
      return '';
  }
}

function Working() {
  return (
    <p className="mt-5 flex items-center gap-3 text-sm text-muted" role="status">
      <span aria-hidden="true" className="flex w-7 justify-center gap-1 max-sm:w-auto">
        <span className="size-1.5 animate-pulse-soft rounded-full bg-accent" />
        <span className="size-1.5 animate-pulse-soft rounded-full bg-accent [animation-delay:200ms]" />
        <span className="size-1.5 animate-pulse-soft rounded-full bg-accent [animation-delay:400ms]" />
      </span>
      The agent is working
    </p>
  );
}

/** Keeps the end in sight while one is there, and says that there is more while one is not. */
function FollowEnd({ conversation, entries, growth }: { conversation: Conversation; entries: readonly Entry[]; growth: number }) {
  const isLive = conversation.execution ? !conversation.execution.isTerminal : true;
  // What is over is read from its beginning.
  const [beginsAtEnd] = useState(isLive);
  const { isAtEnd, toEnd, unseen } = useStickToEnd(entries, growth, beginsAtEnd);
  if (isAtEnd || unseen === 0) return null;
  return (
    <div className="pointer-events-none fixed inset-x-0 bottom-28 z-30 flex justify-center lg:left-60">
      <Button look="primary" className="pointer-events-auto rounded-full! shadow-pop" icon={<ArrowDown aria-hidden="true" />} onClick={toEnd}>
        {unseen === 1 ? '1 new' : `${unseen} new`}
      </Button>
    </div>
  );
}

function Loading() {
  return (
    <div role="status" aria-label="Loading the conversation" className="grid grid-cols-1 gap-6 py-6">
      {[40, 72, 56, 64].map((height) => (
        <div key={height} className="flex gap-3">
          <Skeleton className="size-7 rounded-full!" />
          <div className="grid flex-1 grid-cols-1 gap-2">
            <Skeleton className="h-5 w-32" />
            <Skeleton className={height > 60 ? 'h-24' : 'h-12'} />
          </div>
        </div>
      ))}
    </div>
  );
}
