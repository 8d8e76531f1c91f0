import { useEffect, useMemo, useState } from 'react';
import { type CombinedError, useClient } from 'urql';
import type { StepFragment } from '@/gql/graphql';
import { DetailStepsAddedDocument, DetailStepsDocument } from './operations';
import { type Step, stepsOf } from './steps';

/** Events that are read and kept: the newest. All of them are in the conversation. */
const MOST = 100;

interface Read {
  events: readonly StepFragment[];
  hasEarlier: boolean;
}

export interface Steps {
  /** Undefined until they are read. */
  steps: Step[] | undefined;
  hasEarlier: boolean;
  error: CombinedError | undefined;
}

/** What an execution did, live while it runs. For one execution. */
export function useSteps(conversationId: string, isOver: boolean): Steps {
  const client = useClient();
  const [read, setRead] = useState<Read>();
  const [error, setError] = useState<CombinedError>();
  const [wasOver] = useState(isOver);

  useEffect(() => {
    let stream: { unsubscribe(): void } | undefined;
    const query = client
      .query(DetailStepsDocument, { conversationId, last: MOST }, { requestPolicy: 'network-only' })
      .subscribe(({ data, stale, error: failed }) => {
        setError(failed);
        const conversation = data?.conversation;
        if (!conversation || stale || stream) return;
        const { nodes, pageInfo } = conversation.timeline;
        setRead({ events: nodes, hasEarlier: pageInfo.hasPreviousPage });
        // It ends by itself with the execution.
        stream = wasOver
          ? { unsubscribe: () => {} }
          : client
              .subscription(DetailStepsAddedDocument, { conversationId, after: conversation.streamCursor })
              .subscribe(({ data: added }) => {
                const event = added?.conversationEvents;
                if (event) setRead((known) => known && withEvent(known, event));
              });
      });
    return () => {
      query.unsubscribe();
      stream?.unsubscribe();
    };
  }, [client, conversationId, wasOver]);

  const steps = useMemo(() => read && stepsOf(read.events, isOver), [read, isOver]);
  return { steps, hasEarlier: read?.hasEarlier ?? false, error };
}

function withEvent(read: Read, event: StepFragment): Read {
  if (read.events.some((one) => one.sequence === event.sequence)) return read;
  const events = [...read.events, event];
  return { ...read, events: events.slice(-MOST), hasEarlier: read.hasEarlier || events.length > MOST };
}
