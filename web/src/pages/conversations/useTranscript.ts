/**
 * A conversation and its journal: the last events, the earlier ones on demand, and what happens from
 * then on. The cursor comes with the answer that the events came with, so nothing falls between.
 */
import { useCallback, useEffect, useMemo, useState } from 'react';
import { type CombinedError, useClient } from 'urql';
import type { ConversationQuery } from '@/gql/graphql';
import { ConversationDocument, ConversationEventsDocument, EarlierDocument } from './documents';
import { merge, type Transcript, type TranscriptEvent, transcriptOf } from './transcript';

export type Conversation = NonNullable<ConversationQuery['conversation']>;

/** How many events a page of the journal has. */
const PAGE = 100;

export interface Followed {
  /** Null where there is none, or none of the viewer's; undefined until it is known. */
  conversation: Conversation | null | undefined;
  transcript: Transcript;
  error: CombinedError | undefined;
  /** The stream ended with an error: what is shown no longer grows. */
  streamError: CombinedError | undefined;
  retry: () => void;
  hasEarlier: boolean;
  isLoadingEarlier: boolean;
  loadEarlier: () => Promise<void>;
}

interface State {
  conversation: Conversation | null | undefined;
  events: ReadonlyMap<number, TranscriptEvent>;
  /** Where the page before begins; null where there is none. */
  earlier: string | null;
  isLoadingEarlier: boolean;
  error: CombinedError | undefined;
  streamError: CombinedError | undefined;
}

const UNKNOWN: State = {
  conversation: undefined,
  events: new Map(),
  earlier: null,
  isLoadingEarlier: false,
  error: undefined,
  streamError: undefined,
};

/** For one conversation: a component that shows another one is another component. */
export function useTranscript(id: string): Followed {
  const client = useClient();
  const [state, setState] = useState(UNKNOWN);
  const [attempt, setAttempt] = useState(0);
  const change = useCallback((to: (known: State) => Partial<State>) => setState((known) => ({ ...known, ...to(known) })), []);

  useEffect(() => {
    let stream: { unsubscribe(): void } | undefined;
    const follow = (after: string) =>
      client.subscription(ConversationEventsDocument, { id, after }).subscribe(({ data, error }) => {
        const event = data?.conversationEvents;
        change(({ events }) => ({
          ...(error ? { streamError: error } : {}),
          ...(event ? { events: merge(events, [event]) } : {}),
        }));
      });
    // From the network: a cached answer's cursor may be newer than its events. What the cache learns
    // later (that the execution ended, that an answer is due) comes here as well.
    const answers = client
      .query(ConversationDocument, { id, last: PAGE }, { requestPolicy: 'network-only' })
      .subscribe(({ data, error, stale }) => {
        if (stale) return;
        const conversation = data?.conversation;
        const isFirst = conversation != null && stream === undefined;
        change((known) => ({
          error,
          ...(data ? { conversation } : {}),
          ...(conversation ? { events: merge(known.events, conversation.timeline.nodes) } : {}),
          ...(isFirst && known.events.size === 0 ? { earlier: earlierThan(conversation.timeline.pageInfo) } : {}),
          ...(isFirst ? { streamError: undefined } : {}),
        }));
        if (isFirst) stream = follow(conversation.streamCursor);
      });
    return () => {
      answers.unsubscribe();
      stream?.unsubscribe();
    };
  }, [client, id, attempt, change]);

  const { earlier, isLoadingEarlier, events } = state;
  const loadEarlier = useCallback(async () => {
    if (earlier === null || isLoadingEarlier) return;
    change(() => ({ isLoadingEarlier: true }));
    const { data } = await client
      .query(EarlierDocument, { id, before: earlier, last: PAGE }, { requestPolicy: 'network-only' })
      .toPromise();
    const page = data?.conversation?.timeline;
    change((known) => ({
      isLoadingEarlier: false,
      ...(page ? { events: merge(known.events, page.nodes), earlier: earlierThan(page.pageInfo) } : {}),
    }));
  }, [client, id, earlier, isLoadingEarlier, change]);

  const transcript = useMemo(() => transcriptOf(events), [events]);
  return {
    conversation: state.conversation,
    transcript,
    error: state.error,
    streamError: state.streamError,
    retry: useCallback(() => setAttempt((one) => one + 1), []),
    hasEarlier: earlier !== null,
    isLoadingEarlier,
    loadEarlier,
  };
}

const earlierThan = (page: { hasPreviousPage: boolean; startCursor?: string | null | undefined }) =>
  page.hasPreviousPage ? (page.startCursor ?? null) : null;
