/** Where one writes. Disabled, and saying why, where nothing can be written. */
import { ArrowUp, FileText, Paperclip, RotateCw, Square, X } from 'lucide-react';
import { type FormEvent, useCallback, useEffect, useRef, useState } from 'react';
import { useMutation } from 'urql';
import { randomKey } from '@/api/id';
import { unsent, useUnloadWarning } from '@/api/unsent';
import { Button, IconButton } from '@/components/Button';
import { controlClass } from '@/components/Field';
import { passFocus } from '@/components/focus';
import { Spinner } from '@/components/Spinner';
import { errorWords, Notice } from '@/components/states';
import { bytes } from '@/components/time';
import { isLeft, type Left, leftOf, type Picked, useFiles } from '@/files/files';
import type { ReadOnlyReason } from '@/gql/graphql';
import { SendMessageDocument, StopReplyDocument } from './documents';
import type { Conversation } from './useTranscript';

/** An execution's conversation says exactly this; clients of the old product look for it. */
const READ_ONLY: Record<ReadOnlyReason, string> = {
  EXECUTION: 'This conversation is read-only.',
  AGENT_RETIRED: 'This conversation is read-only: its agent is retired.',
  NOT_PARTICIPANT: 'This conversation is read-only: somebody else started it.',
};

/** A message that was not sent yet. */
interface KeptMessage {
  text: string;
  key: string;
  files: Left;
}

const isKept = (kept: unknown): kept is KeptMessage => {
  const { text, key, files } = (kept ?? {}) as Partial<KeptMessage>;
  return typeof text === 'string' && typeof key === 'string' && isLeft(files);
};

export function Composer({ conversation, isReplying, userId }: { conversation: Conversation; isReplying: boolean; userId: string }) {
  const { id, readOnly, readOnlyReason, agent } = conversation;
  const [kept] = useState(() => unsent(userId, `conversation ${id}`, isKept));
  const [before] = useState(() => (readOnly ? undefined : kept.read()));
  const [text, setText] = useState(before?.text ?? '');
  /** What is on its way. It has left the field, so that the next thing can be written there. */
  const [sending, setSending] = useState<{ text: string; files: readonly Picked[] }>();
  const [problem, setProblem] = useState<string>();
  const [, send] = useMutation(SendMessageDocument);
  const [{ fetching: isStopping }, stop] = useMutation(StopReplyDocument);
  const { files, chosen } = useFiles(before?.files);
  const field = useRef<HTMLTextAreaElement>(null);
  const chooser = useRef<HTMLInputElement>(null);
  // Kept until the message was taken: sent again after a lost answer, it is still one message.
  const [key, setKey] = useState(() => before?.key ?? randomKey());
  const rules = readOnly ? null : agent.fileRules;
  // A message does not go without a file that was meant to go with it.
  const areStored = files.every((file) => file.state === 'stored');
  const canSend = !readOnly && !isReplying && areStored && text.trim() !== '';

  // Until it was taken it is unsent, also on its way.
  const isUnsent = text !== '' || files.length > 0 || sending !== undefined;
  useUnloadWarning(isUnsent);
  useEffect(() => {
    const left = leftOf([...(sending?.files ?? []), ...files]);
    kept.write(isUnsent ? { text: joined(sending?.text ?? '', text), key, files: left } : undefined);
  }, [kept, isUnsent, sending, text, key, files]);

  useEffect(() => {
    const element = field.current;
    if (!element) return;
    element.style.height = 'auto';
    element.style.height = `${Math.min(element.scrollHeight + 2, 240)}px`;
  }, [text]);

  // It goes when the answer has ended: whoever pressed it writes on.
  const stopButton = useCallback((button: HTMLButtonElement) => {
    return () => {
      if (document.activeElement === button) field.current?.focus();
    };
  }, []);

  const submit = async (event?: FormEvent) => {
    event?.preventDefault();
    if (!canSend || sending !== undefined) return;
    setProblem(undefined);
    const taken = chosen.take();
    setSending({ text, files: taken });
    setText('');
    const fileIds = taken.flatMap((file) => (file.stored ? [file.stored.id] : []));
    field.current?.focus();
    const { data, error } = await send({
      input: { conversationId: id, text, ...(fileIds.length > 0 ? { fileIds } : {}), idempotency: { key } },
    });
    setSending(undefined);
    if (data?.sendMessage.message) {
      setKey(randomKey());
      // Where the page was left meanwhile nothing else does.
      const left = kept.read();
      if (left?.key === key) kept.write(withoutSent(left, text, fileIds));
      return;
    }
    // It did not go: back to what was written meanwhile.
    setText((since) => joined(text, since));
    chosen.putBack(taken);
    const refusal = data?.sendMessage.errors[0];
    // Changed and sent again, it is another message.
    if (refusal) setKey(randomKey());
    const words = error && errorWords(error);
    setProblem(refusal?.message ?? (words ? `${words.title}. ${words.detail}` : 'The server gave no answer.'));
  };

  const stopReply = async () => {
    setProblem(undefined);
    const { data, error } = await stop({ input: { conversationId: id } });
    // That it stopped is told by the journal; that it goes on has to be said.
    const why = data?.stopReply.errors[0]?.message ?? (error && errorWords(error).detail);
    if (why) setProblem(`The answer goes on. ${why}`);
  };

  return (
    <form
      onSubmit={(event) => void submit(event)}
      onDragOver={(event) => {
        if (rules) event.preventDefault();
      }}
      onDrop={(event) => {
        if (!rules) return;
        event.preventDefault();
        chosen.add(event.dataTransfer.files, rules, agent.id);
      }}
      aria-label="New message"
      className="sticky bottom-0 z-20 -mx-4 border-t bg-bg/95 px-4 py-3 backdrop-blur-sm sm:-mx-6 sm:px-6"
    >
      {problem && (
        <div className="mb-2">
          <Notice>{problem}</Notice>
        </div>
      )}
      {sending !== undefined && (
        <p role="status" className="mb-2 flex items-center gap-2 text-xs text-muted">
          <Spinner className="size-3.5 shrink-0" />
          <span className="min-w-0 truncate">{`Sending: ${sending.text}`}</span>
        </p>
      )}
      {files.length > 0 && (
        <ul aria-label="Chosen files" className="mb-2 flex flex-wrap gap-2">
          {files.map((file) => (
            <ChosenFile
              key={file.key}
              file={file}
              onRemove={(button) => {
                passFocus(button, 'li', field.current);
                chosen.remove(file.key);
              }}
              onRetry={() => chosen.retry(file, agent.id)}
            />
          ))}
        </ul>
      )}
      <div className="flex items-end gap-2">
        {rules && (
          <>
            <input
              ref={chooser}
              type="file"
              aria-label="Files"
              className="hidden"
              multiple={rules.maxFiles > 1}
              accept={[...rules.extensions, ...rules.contentTypes].join(',')}
              onChange={(event) => {
                chosen.add([...(event.target.files ?? [])], rules, agent.id);
                // The same file may be chosen again.
                event.target.value = '';
              }}
            />
            <IconButton
              size="lg"
              className="h-10! w-10!"
              label={`Attach files: ${rules.extensions.join(', ')}, ${bytes(rules.maxBytesPerFile)} at most`}
              onClick={() => chooser.current?.click()}
            >
              <Paperclip aria-hidden="true" />
            </IconButton>
          </>
        )}
        <textarea
          ref={field}
          rows={1}
          aria-label="Message"
          disabled={readOnly}
          maxLength={100_000}
          placeholder={readOnly ? READ_ONLY[readOnlyReason ?? 'EXECUTION'] : `Message ${agent.name}`}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            // Enter sends, Shift-Enter is a line; not while an input method composes a character.
            if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
              event.preventDefault();
              void submit();
            }
          }}
          className={`${controlClass} max-h-60 min-h-10 resize-none py-2.5 disabled:bg-sunken disabled:opacity-100!`}
        />
        {isReplying && !readOnly ? (
          <Button
            ref={stopButton}
            size="lg"
            icon={<Square aria-hidden="true" />}
            busy={isStopping}
            onClick={() => void stopReply()}
          >
            Stop
          </Button>
        ) : (
          <IconButton type="submit" look="primary" size="lg" label="Send" className="h-10! w-10!" disabled={!canSend || sending !== undefined}>
            <ArrowUp aria-hidden="true" />
          </IconButton>
        )}
      </div>
    </form>
  );
}

/** Two texts as one; none of them may be there. */
const joined = (one: string, other: string) => [one, other].filter((text) => text !== '').join('\n');

/** What is left of it when this much was taken. */
function withoutSent(left: KeptMessage, text: string, fileIds: readonly string[]): KeptMessage | undefined {
  const rest = left.text.slice(text.length).replace(/^\n/, '');
  const stored = left.files.stored.filter((one) => !fileIds.includes(one.id));
  const isNothing = rest === '' && stored.length === 0 && left.files.lost.length === 0;
  return isNothing ? undefined : { text: rest, key: randomKey(), files: { ...left.files, stored } };
}

function ChosenFile({ file, onRemove, onRetry }: { file: Picked; onRemove: (button: HTMLElement) => void; onRetry: () => void }) {
  return (
    <li className="flex min-h-8 max-w-full items-center gap-2 rounded-md border bg-surface px-2 py-0.5 text-sm">
      <FileText aria-hidden="true" className={`size-4 shrink-0 ${file.error ? 'text-bad' : 'text-faint'}`} />
      <span className="min-w-0">
        <span className="block truncate">{file.filename}</span>
        {file.error && (
          <span role="alert" className="block text-xs text-bad">
            {file.error}
          </span>
        )}
      </span>
      <span className="shrink-0 text-xs text-muted tabular">
        {file.state === 'uploading' ? `${Math.round(file.progress * 100)} %` : bytes(file.sizeBytes)}
      </span>
      {file.state === 'failed' && file.file && (
        <IconButton size="sm" label={`Upload ${file.filename} again`} onClick={onRetry}>
          <RotateCw aria-hidden="true" />
        </IconButton>
      )}
      <IconButton size="sm" label={`Remove ${file.filename}`} onClick={(event) => onRemove(event.currentTarget)}>
        <X aria-hidden="true" />
      </IconButton>
    </li>
  );
}
