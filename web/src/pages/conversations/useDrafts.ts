import { useEffect, useMemo, useState } from 'react';
import { useClient } from 'urql';
import type { MessageDeltaFragment } from '@/gql/graphql';
import { MessageDeltasDocument } from './documents';
import { type Drafts, NO_DRAFTS, withDeltas, without } from './drafts';
import type { Transcript } from './transcript';

/** What is being written right now, while something is. */
export function useDrafts(conversationId: string, isLive: boolean, transcript: Transcript): Drafts {
  const client = useClient();
  const [drafts, setDrafts] = useState(NO_DRAFTS);

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
          setDrafts((known) => withDeltas(known, deltas));
        });
      });
    return () => {
      unsubscribe();
      cancelAnimationFrame(frame);
      setDrafts(NO_DRAFTS);
    };
  }, [client, conversationId, isLive]);

  return useMemo(() => {
    const finished = new Set(
      transcript.entries.flatMap((entry) => (entry.kind === 'answer' ? [entry.message.id] : [])),
    );
    return without(drafts, finished);
  }, [drafts, transcript]);
}
