/** Where one writes. Disabled, and saying why, where nothing can be written. */
import { ArrowUp, Square } from 'lucide-react';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { useMutation } from 'urql';
import type { ReadOnlyReason } from '@/gql/graphql';
import { Button, IconButton } from '@/components/Button';
import { controlClass } from '@/components/Field';
import { errorWords, Notice } from '@/components/states';
import { SendMessageDocument, StopReplyDocument } from './documents';
import type { Conversation } from './useTranscript';

/** An execution's conversation says exactly this; clients of the old product look for it. */
const READ_ONLY: Record<ReadOnlyReason, string> = {
  EXECUTION: 'This conversation is read-only.',
  AGENT_RETIRED: 'This conversation is read-only: its agent is retired.',
  NOT_PARTICIPANT: 'This conversation is read-only: somebody else started it.',
};

export function Composer({ conversation }: { conversation: Conversation }) {
  const { id, readOnly, readOnlyReason, activity } = conversation;
  const [text, setText] = useState('');
  const [problem, setProblem] = useState<string>();
  const [{ fetching: isSending }, send] = useMutation(SendMessageDocument);
  const [{ fetching: isStopping }, stop] = useMutation(StopReplyDocument);
  const field = useRef<HTMLTextAreaElement>(null);
  // Kept until it was taken: the same message sent again after a lost answer is one message.
  const key = useRef(crypto.randomUUID());
  const isReplying = activity === 'REPLYING';
  const canSend = !readOnly && !isReplying && text.trim() !== '';

  useEffect(() => {
    const element = field.current;
    if (!element) return;
    element.style.height = 'auto';
    element.style.height = `${Math.min(element.scrollHeight + 2, 240)}px`;
  }, [text]);

  const submit = async (event?: FormEvent) => {
    event?.preventDefault();
    if (!canSend || isSending) return;
    setProblem(undefined);
    const result = await send({ input: { conversationId: id, text, idempotency: { key: key.current } } });
    const refusal = result.data?.sendMessage.errors[0];
    if (result.data?.sendMessage.message) {
      key.current = crypto.randomUUID();
      setText('');
      field.current?.focus();
    } else if (refusal) {
      setProblem(refusal.message);
    } else if (result.error) {
      const { title, detail } = errorWords(result.error);
      setProblem(`${title}. ${detail}`);
    }
  };

  return (
    <form
      onSubmit={(event) => void submit(event)}
      aria-label="Message"
      className="sticky bottom-0 z-20 -mx-4 border-t bg-bg/95 px-4 py-3 backdrop-blur-sm sm:-mx-6 sm:px-6"
    >
      {problem && (
        <div className="mb-2">
          <Notice>{problem}</Notice>
        </div>
      )}
      <div className="flex items-end gap-2">
        <textarea
          ref={field}
          rows={1}
          aria-label="Message"
          disabled={readOnly}
          maxLength={100_000}
          placeholder={readOnly ? READ_ONLY[readOnlyReason ?? 'EXECUTION'] : `Message ${conversation.agent.name}`}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            // Enter sends, Shift-Enter is a line; not while an input method composes a character.
            if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
              event.preventDefault();
              void submit();
            }
          }}
          className={`${controlClass} max-h-60 min-h-10 resize-none py-2.5`}
        />
        {isReplying && !readOnly ? (
          <Button
            size="lg"
            icon={<Square aria-hidden="true" />}
            busy={isStopping}
            onClick={() => void stop({ input: { conversationId: id } })}
          >
            Stop
          </Button>
        ) : (
          <IconButton
            type="submit"
            look="primary"
            size="lg"
            label="Send"
            className="h-10! w-10!"
            disabled={readOnly || text.trim() === ''}
          >
            <ArrowUp aria-hidden="true" />
          </IconButton>
        )}
      </div>
    </form>
  );
}
