/**
 * A conversation and its journal: the last events, the earlier ones on demand, and what happens from
 * then on. The cursor comes with the answer that the events came with, so nothing falls between.
 */
import { useCallback, useEffect, useRef, useState } from 'react';
import { CombinedError, useClient } from 'urql';
import type { ConversationQuery } from '@/gql/graphql';
import { ConversationDocument, ConversationEventsDocument, EarlierDocument } from './documents';
import { bridge, type JournalPage, merge, type Transcript, type TranscriptEvent, transcriptOf } from './transcript';

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
  earlierError: CombinedError | undefined;
  /** `onArrival` is called right before it is shown. */
  loadEarlier: (onArrival: () => void) => Promise<void>;
}

interface State {
  conversation: Conversation | null | undefined;
  events: ReadonlyMap<number, TranscriptEvent>;
  transcript: Transcript;
  /** Where the page before begins; null where there is none. */
  earlier: string | null;
  isLoadingEarlier: boolean;
  earlierError: CombinedError | undefined;
  error: CombinedError | undefined;
  streamError: CombinedError | undefined;
}

const UNKNOWN: State = {
  conversation: undefined,
  events: new Map(),
  transcript: transcriptOf(new Map()),
  earlier: null,
  isLoadingEarlier: false,
  earlierError: undefined,
  error: undefined,
  streamError: undefined,
};

/** For one conversation: a component that shows another one is another component. */
export function useTranscript(id: string): Followed {
  const client = useClient();
  const [state, setState] = useState(UNKNOWN);
  const [attempt, setAttempt] = useState(0);
  const change = useCallback((to: (known: State) => Partial<State>) => setState((known) => ({ ...known, ...to(known) })), []);

  // What is known when it is followed again.
  const known = useRef(state.events);
  useEffect(() => {
    known.current = state.events;
  });
  const pageBefore = useCallback(
    async (before: string): Promise<JournalPage> => {
      const { data, error } = await client
        .query(EarlierDocument, { id, before, last: PAGE }, { requestPolicy: 'network-only' })
        .toPromise();
      const page = data?.conversation?.timeline;
      if (!page) throw error ?? new CombinedError({ graphQLErrors: ['The conversation is not there any more.'] });
      return page;
    },
    [client, id],
  );

  useEffect(() => {
    let stream: { unsubscribe(): void } | undefined;
    let hasBegun = false;
    let isLeft = false;
    const follow = (after: string) =>
      client.subscription(ConversationEventsDocument, { id, after }).subscribe(({ data, error }) => {
        const event = data?.conversationEvents;
        change((held) => ({
          ...(error ? { streamError: error } : {}),
          ...(event ? withEvents(held, [event]) : {}),
        }));
      });
    const begin = async ({ timeline, streamCursor }: Conversation) => {
      const isAnew = known.current.size > 0;
      let events: readonly TranscriptEvent[] = timeline.nodes;
      try {
        if (isAnew) events = await bridge(known.current, timeline, pageBefore);
      } catch (error) {
        if (!isLeft) change(() => ({ streamError: error as CombinedError }));
        return;
      }
      if (isLeft) return;
      change((held) => ({
        ...withEvents(held, events),
        ...(isAnew ? {} : { earlier: earlierThan(timeline.pageInfo) }),
        streamError: undefined,
      }));
      stream = follow(streamCursor);
    };
    // From the network: a cached answer's cursor may be newer than its events. What the cache learns
    // later (that the execution ended, that an answer is due) comes here as well.
    const answers = client
      .query(ConversationDocument, { id, last: PAGE }, { requestPolicy: 'network-only' })
      .subscribe(({ data, error, stale }) => {
        if (stale) return;
        const conversation = data?.conversation;
        const isFollowed = stream !== undefined;
        change((held) => ({
          error,
          ...(data ? { conversation } : {}),
          ...(conversation && isFollowed ? withEvents(held, conversation.timeline.nodes) : {}),
        }));
        if (!conversation || hasBegun) return;
        hasBegun = true;
        void begin(conversation);
      });
    return () => {
      isLeft = true;
      answers.unsubscribe();
      stream?.unsubscribe();
    };
  }, [client, id, attempt, change, pageBefore]);

  const { earlier, isLoadingEarlier } = state;
  const loadEarlier = useCallback(
    async (onArrival: () => void) => {
      if (earlier === null || isLoadingEarlier) return;
      change(() => ({ isLoadingEarlier: true }));
      try {
        const page = await pageBefore(earlier);
        onArrival();
        change((held) => ({ ...withEvents(held, page.nodes), earlier: earlierThan(page.pageInfo), isLoadingEarlier: false, earlierError: undefined }));
      } catch (error) {
        change(() => ({ isLoadingEarlier: false, earlierError: error as CombinedError }));
      }
    },
    [earlier, isLoadingEarlier, change, pageBefore],
  );

  return {
    conversation: state.conversation,
    transcript: state.transcript,
    error: state.error,
    streamError: state.streamError,
    retry: useCallback(() => setAttempt((one) => one + 1), []),
    hasEarlier: earlier !== null,
    isLoadingEarlier,
    earlierError: state.earlierError,
    loadEarlier,
  };
}

function withEvents({ events, transcript }: State, more: readonly TranscriptEvent[]): Partial<State> {
  const merged = merge(events, more);
  return merged === events ? {} : { events: merged, transcript: transcriptOf(merged, transcript) };
}

const earlierThan = (page: { hasPreviousPage: boolean; startCursor?: string | null | undefined }) =>
  page.hasPreviousPage ? (page.startCursor ?? null) : null;
