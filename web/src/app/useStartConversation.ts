/** Begins a conversation with an agent and goes there: from the agent's page, or from the list. */
import { useRef, useState } from 'react';
import { useNavigate } from 'react-router';
import { useMutation } from 'urql';
import { randomKey } from '@/api/id';
import { errorWords } from '@/components/states';
import { toast } from '@/components/toast';
import { graphql } from '@/gql';
import { paths } from './paths';

const StartConversationDocument = graphql(/* GraphQL */ `
  mutation StartConversation($input: StartConversationInput!) {
    startConversation(input: $input) {
      conversation {
        id
      }
      errors {
        __typename
        ...Refusal
      }
    }
  }
`);

export function useStartConversation(dataSetId: string) {
  const [, start] = useMutation(StartConversationDocument);
  const navigate = useNavigate();
  const [starting, setStarting] = useState<string>();
  const isStarting = useRef(false);
  // Kept until the server has answered: asked for again after a lost answer, it is still one conversation.
  const keys = useRef(new Map<string, string>());

  const begin = async (agentId: string) => {
    // A second press before the first was drawn is no second conversation.
    if (isStarting.current) return;
    isStarting.current = true;
    setStarting(agentId);
    const key = keys.current.get(agentId) ?? randomKey();
    keys.current.set(agentId, key);
    const { data, error } = await start({ input: { agentId, idempotency: { key } } });
    if (!error) keys.current.delete(agentId);
    isStarting.current = false;
    setStarting(undefined);
    const conversation = data?.startConversation.conversation;
    if (conversation) {
      await navigate(paths.conversation(dataSetId, conversation.id));
      return;
    }
    const refusal = data?.startConversation.errors[0];
    toast(refusal?.message ?? (error ? errorWords(error).title : 'It was not started'), 'bad');
  };
  /** Which agent's is being started. */
  return { begin, starting };
}
