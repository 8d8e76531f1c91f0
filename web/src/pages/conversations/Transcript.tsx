/** The transcript: every turn, call and refusal, in order. What an entry is, is decided in `transcript.ts`. */
import { clsx } from 'clsx';
import { Ban, Bot, Brain, CircleDashed, CirclePlay, CircleX, Flag, RotateCcw, ScrollText, ShieldX, UserRound, Wrench } from 'lucide-react';
import { memo, type ReactNode, type Ref } from 'react';
import type { JsonValue } from '@/api/json';
import { Badge } from '@/components/Badge';
import { JsonTree } from '@/components/JsonTree';
import { CATEGORY_WORDS, StatusPill } from '@/components/StatusPill';
import { clock, exactly } from '@/components/time';
import type { Draft } from './drafts';
import { FileChips } from './Files';
import { Fold } from '@/components/Fold';
import { Markdown } from './Markdown';
import { ToolCallCard } from './ToolCall';
import { Turn } from './Turn';
import { type Entry, jsonOf, type Message, type Transcript as Entries } from './transcript';

export function Transcript({
  transcript,
  draft,
  speaker,
  isOver,
  ref,
}: {
  transcript: Entries;
  /** What is being written now. */
  draft: Draft | undefined;
  /** Whom messages to the agent are from. */
  speaker: string;
  isOver: boolean;
  ref?: Ref<HTMLOListElement>;
}) {
  return (
    <ol ref={ref} tabIndex={-1} className="grid grid-cols-1 gap-5 outline-none">
      {transcript.entries.map((entry, index) => (
        <Row
          key={entry.key}
          entry={entry}
          speaker={speaker}
          isOver={isOver}
          goesOn={entry.kind === 'answer' && transcript.entries[index - 1]?.kind === 'answer'}
        />
      ))}
      {draft && <Writing key={draft.messageId} draft={draft} goesOn={transcript.entries.at(-1)?.kind === 'answer'} />}
    </ol>
  );
}

/** Drawn again only when its own entry is another: a long conversation grows event by event. */
const Row = memo(function Row({
  entry,
  speaker,
  isOver,
  goesOn,
}: {
  entry: Entry;
  speaker: string;
  isOver: boolean;
  /** The same speaker as before: not named again. */
  goesOn: boolean;
}): ReactNode {
  switch (entry.kind) {
    case 'said':
      return <Said message={entry.message} speaker={speaker} />;
    case 'answer':
      return <Answer message={entry.message} results={entry.results} isOver={isOver} goesOn={goesOn} />;
    case 'result':
      return (
        <li className="sm:ml-10">
          <ToolCallCard result={entry.result} isOver={isOver} />
        </li>
      );
    case 'attempt':
      // The first one goes without saying.
      return entry.attempt === 1 ? null : (
        <Divider icon={<RotateCcw aria-hidden="true" />} at={entry.at}>
          {`Attempt ${entry.attempt}`}
        </Divider>
      );
    case 'refusal':
      return <Refusal refusal={entry.refusal} />;
    case 'status':
      return <StatusChange change={entry.change} />;
    case 'progress': {
      const { done, total, note } = entry.progress;
      return (
        <Divider icon={<Flag aria-hidden="true" />} at={entry.at}>
          {total == null ? `${done} done` : `${done} of ${total} done`}
          {note && <span className="font-normal">{` · ${note}`}</span>}
        </Divider>
      );
    }
    case 'end':
      return entry.end.outcome === 'STOPPED' ? (
        <Divider icon={<Ban aria-hidden="true" />} at={entry.end.occurredAt}>
          Answer stopped
        </Divider>
      ) : (
        <Failed at={entry.end.occurredAt} title="The answer failed" failure={entry.end.failure ?? null} />
      );
  }
});

function Divider({ icon, at, children }: { icon: ReactNode; at: string; children: ReactNode }) {
  return (
    <li className="flex items-center gap-3 text-xs font-medium text-muted" title={exactly(at)}>
      <span aria-hidden="true" className="h-px flex-1 bg-line" />
      <span className="flex min-w-0 items-center gap-1.5 [&_svg]:size-3.5 [&_svg]:shrink-0">
        {icon}
        <span className="min-w-0">{children}</span>
      </span>
      <span aria-hidden="true" className="h-px flex-1 bg-line" />
    </li>
  );
}

function Said({ message, speaker }: { message: Message; speaker: string }) {
  const text = textOf(message);
  const files = message.parts.flatMap((part) => (part.__typename === 'FilePart' ? [part.file] : []));
  if (message.role === 'SYSTEM') {
    return (
      <Turn icon={<ScrollText />} name="System" at={message.createdAt}>
        <Fold summary={<span className="text-sm text-muted">Instructions for the agent</span>}>
          {() => <div className="mt-2 rounded-lg border bg-sunken px-4 py-3 text-sm"><Markdown>{text}</Markdown></div>}
        </Fold>
      </Turn>
    );
  }
  return (
    <Turn icon={<UserRound />} name={message.role === 'VALIDATOR' ? 'Validator' : speaker} at={message.createdAt}>
      <div className="rounded-lg rounded-tl-sm bg-sunken px-4 py-3">
        <Markdown>{text}</Markdown>
        <FileChips files={files} />
      </div>
    </Turn>
  );
}

function Answer({
  message,
  results,
  isOver,
  goesOn,
}: {
  message: Message;
  results: Entries['results'];
  isOver: boolean;
  goesOn: boolean;
}) {
  return (
    <Turn
      tone="agent"
      messageId={message.id}
      goesOn={goesOn}
      icon={<Bot />}
      name="Agent"
      at={message.createdAt}
      note={message.model && <Badge title="The model that wrote this">{message.model}</Badge>}
    >
      <div className="grid grid-cols-1 gap-2">
        {message.parts.map((part) => {
          switch (part.__typename) {
            case 'ReasoningPart':
              return (
                <Reasoning key={part.id}>{part.text}</Reasoning>
              );
            case 'TextPart':
              return <AnswerText key={part.id} text={part.text} />;
            case 'ToolCallPart':
              return <ToolCallCard key={part.id} call={part} result={results.get(part.callId)} isOver={isOver} />;
            case 'FilePart':
              return <FileChips key={part.id} files={[part.file]} />;
            default:
              return null;
          }
        })}
      </div>
    </Turn>
  );
}

/** An answer while it is being written. It is read aloud when it is finished, not letter by letter. */
function Writing({ draft, goesOn }: { draft: Draft; goesOn: boolean }) {
  const inOrder = [...draft.parts].sort(([one], [other]) => one - other);
  return (
    <Turn tone="agent" icon={<Bot />} name="Agent" note={<Badge tone="run">writing</Badge>} goesOn={goesOn}>
      <div className="grid grid-cols-1 gap-2" data-testid="draft">
        {inOrder.map(([place, part]) => {
          if (part.kind === 'TEXT') return <Markdown key={place}>{part.text}</Markdown>;
          if (part.kind === 'REASONING') return <Reasoning key={place} isLive>{part.text}</Reasoning>;
          return (
            <div key={place} className="flex items-center gap-2 rounded-lg border bg-surface px-3 py-2">
              <Wrench aria-hidden="true" className="size-4 shrink-0 text-faint" />
              {/* The end of it, where it grows. */}
              <code className="min-w-0 truncate text-xs text-faint">{part.text.slice(-200)}</code>
            </div>
          );
        })}
      </div>
    </Turn>
  );
}

function Reasoning({ children, isLive = false }: { children: string; isLive?: boolean }) {
  return (
    <Fold
      summary={
        <span className="flex items-center gap-1.5 text-sm text-muted">
          {/* Words that fade are not to be read. */}
          <Brain aria-hidden="true" className={clsx('size-4 text-faint', isLive && 'animate-pulse-soft')} />
          Reasoning
        </span>
      }
    >
      {() => (
        <div className="mt-1 ml-1.5 border-l-2 border-line pl-4 text-sm text-muted">
          <Markdown>{children}</Markdown>
        </div>
      )}
    </Fold>
  );
}

function AnswerText({ text }: { text: string }) {
  const json = jsonOf(text);
  return json === undefined ? <Markdown>{text}</Markdown> : <JsonTree value={json as JsonValue} label="answer" />;
}

function Refusal({ refusal }: { refusal: Extract<Entry, { kind: 'refusal' }>['refusal'] }) {
  return (
    <Turn
      tone="bad"
      icon={<ShieldX />}
      name="Validator"
      at={refusal.occurredAt}
      note={
        <>
          <code className="text-xs text-muted">{refusal.validator}</code>
          <Badge tone="bad">{`refused attempt ${refusal.attempt}`}</Badge>
          {!refusal.willRetry && <Badge>no further attempt</Badge>}
        </>
      }
    >
      <div className="rounded-lg rounded-tl-sm border border-bad/30 bg-bad-soft/40 px-4 py-3 text-sm">
        <Markdown>{refusal.feedback}</Markdown>
      </div>
    </Turn>
  );
}

function StatusChange({ change }: { change: Extract<Entry, { kind: 'status' }>['change'] }) {
  // The execution in an event is as it is now: its failure belongs to the change that ended it.
  const failure = change.to === 'FAILED' ? (change.execution.failure ?? null) : null;
  if (failure && failure.category !== 'CANCELED') {
    return <Failed at={change.occurredAt} title={CATEGORY_WORDS[failure.category]} failure={failure} />;
  }
  if (change.to === 'PENDING' || change.to === 'IN_PROGRESS') {
    return (
      <Divider icon={change.to === 'PENDING' ? <CircleDashed aria-hidden="true" /> : <CirclePlay aria-hidden="true" />} at={change.occurredAt}>
        {change.to === 'PENDING' ? 'Launched' : 'Started'}
        <span className="font-normal text-faint">{` at ${clock(change.occurredAt)}`}</span>
      </Divider>
    );
  }
  return (
    <li className="flex items-center gap-3" title={exactly(change.occurredAt)}>
      <span aria-hidden="true" className="h-px flex-1 bg-line" />
      <StatusPill status={change.to} category={failure?.category} />
      {failure && <span className="min-w-0 text-xs text-muted">{failure.explanation}</span>}
      <span aria-hidden="true" className="h-px flex-1 bg-line" />
    </li>
  );
}

const EXPLAINED_BY = {
  MODEL: 'explained by the model',
  VALIDATOR: 'explained by the validator',
  AGENT: 'explained by the agent',
  USER: 'explained by a person',
  SYSTEM: 'explained by the system',
} as const;

function Failed({
  at,
  title,
  failure,
}: {
  at: string;
  title: string;
  failure: { code: string; explanation: string; explanationSource: keyof typeof EXPLAINED_BY } | null;
}) {
  return (
    <Turn
      tone="bad"
      icon={<CircleX />}
      name={title}
      at={at}
      note={failure && <code className="text-xs text-muted">{failure.code}</code>}
    >
      {failure && (
        <div className="rounded-lg rounded-tl-sm border border-bad/30 bg-bad-soft/40 px-4 py-3 text-sm">
          <Markdown>{failure.explanation}</Markdown>
          <p className="mt-2 text-xs text-muted">{EXPLAINED_BY[failure.explanationSource]}</p>
        </div>
      )}
    </Turn>
  );
}

const textOf = (message: Message) =>
  message.parts.flatMap((part) => (part.__typename === 'TextPart' ? [part.text] : [])).join('\n\n');
