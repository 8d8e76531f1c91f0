import { useEffect, useMemo, useState } from 'react';
import { useClient } from 'urql';
import type { MessageDeltaFragment } from '@/gql/graphql';
import { MessageDeltasDocument } from './documents';
import { type Draft, withDeltas } from './drafts';
import type { Transcript } from './transcript';

/** What is being written right now, while something is. */
export function useDraft(conversationId: string, isLive: boolean, transcript: Transcript): Draft | undefined {
  const client = useClient();
  const [draft, setDraft] = useState<Draft>();

  useEffect(() => {
    if (!isLive) return;
    let waiting: MessageDeltaFragment[] = [];
    let frame = 0;
    const { unsubscribe } = client
      .subscription(MessageDeltasDocument, { conversationId })
      .subscribe(({ data }) => {
        if (!data) return;
        waiting.push(data.messageDeltas);
        // A model writes faster than a screen shows.
        frame ||= requestAnimationFrame(() => {
          const deltas = waiting;
          waiting = [];
          frame = 0;
          setDraft((known) => withDeltas(known, deltas));
        });
      });
    return () => {
      unsubscribe();
      cancelAnimationFrame(frame);
      setDraft(undefined);
    };
  }, [client, conversationId, isLive]);

  const messageId = draft?.messageId;
  const isFinished = useMemo(
    () => transcript.entries.some((entry) => entry.kind === 'answer' && entry.message.id === messageId),
    [transcript, messageId],
  );
  return isFinished ? undefined : draft;
}
