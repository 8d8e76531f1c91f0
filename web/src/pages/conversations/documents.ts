/** What the conversation pages ask for. */
import { graphql } from '@/gql';

export const TranscriptEventFragment = graphql(/* GraphQL */ `
  fragment TranscriptEvent on ConversationEvent {
    __typename
    id
    sequence
    occurredAt
    cursor
    ... on MessageAddedEvent {
      message {
        id
        role
        attempt
        model
        createdAt
        parts {
          __typename
          ... on TextPart {
            id
            text
          }
          ... on ReasoningPart {
            id
            text
          }
          ... on ToolCallPart {
            id
            callId
            tool
            arguments
          }
          ... on ToolResultPart {
            id
            callId
            tool
            isError
            outputBytes
            durationMs
            files {
              ...FileShown
            }
          }
          ... on FilePart {
            id
            file {
              ...FileShown
            }
          }
        }
      }
    }
    ... on StatusChangedEvent {
      from
      to
      execution {
        id
        revision
        status
        isTerminal
        finishedAt
        failure {
          ...FailureShown
        }
      }
    }
    ... on AttemptStartedEvent {
      attempt
    }
    ... on ValidatorRejectedEvent {
      attempt
      validator
      feedback
      willRetry
    }
    ... on ProgressEvent {
      progress {
        done
        total
        note
      }
    }
    ... on ReplyStartedEvent {
      conversation {
        id
        activity
      }
    }
    ... on ReplyEndedEvent {
      outcome
      failure {
        ...FailureShown
      }
      conversation {
        id
        activity
      }
    }
  }
`);

export const ConversationDocument = graphql(/* GraphQL */ `
  query Conversation($id: ID!, $last: Int!) {
    conversation(id: $id) {
      id
      title
      readOnly
      readOnlyReason
      activity
      createdAt
      updatedAt
      streamCursor
      startedBy {
        id
        name
      }
      agent {
        id
        name
        retiredAt
        fileRules {
          ...FileRulesShown
        }
      }
      dataSet {
        id
      }
      execution {
        id
        revision
        status
        isTerminal
        executionKey
        attempt
        maxAttempts
        createdAt
        finishedAt
        executionType {
          id
          name
        }
        failure {
          ...FailureShown
        }
      }
      timeline(last: $last) {
        nodes {
          ...TranscriptEvent
        }
        pageInfo {
          hasPreviousPage
          startCursor
        }
      }
    }
  }
`);

/** What was said before what is shown. */
export const EarlierDocument = graphql(/* GraphQL */ `
  query EarlierEvents($id: ID!, $before: String!, $last: Int!) {
    conversation(id: $id) {
      id
      timeline(last: $last, before: $before) {
        nodes {
          ...TranscriptEvent
        }
        pageInfo {
          hasPreviousPage
          startCursor
        }
      }
    }
  }
`);

/** A tool's output, asked for when it is unfolded: it may be long, and most are never looked at. */
export const ToolOutputDocument = graphql(/* GraphQL */ `
  query ToolOutput($messageId: ID!) {
    node(id: $messageId) {
      __typename
      id
      ... on Message {
        parts {
          __typename
          ... on ToolResultPart {
            id
            callId
            output
          }
        }
      }
    }
  }
`);

export const ConversationEventsDocument = graphql(/* GraphQL */ `
  subscription ConversationEvents($id: ID!, $after: StreamCursor) {
    conversationEvents(id: $id, after: $after) {
      ...TranscriptEvent
    }
  }
`);

export const MessageDelta = graphql(/* GraphQL */ `
  fragment MessageDelta on MessageDelta {
    messageId
    part
    kind
    text
    replace
  }
`);

/** What is being written right now. Lossy: the finished message comes with the events. */
export const MessageDeltasDocument = graphql(/* GraphQL */ `
  subscription MessageDeltas($conversationId: ID!) {
    messageDeltas(conversationId: $conversationId) {
      ...MessageDelta
    }
  }
`);

export const ConversationsDocument = graphql(/* GraphQL */ `
  query Conversations($dataSetId: ID!, $search: String, $first: Int!, $after: String) {
    conversations(dataSetId: $dataSetId, search: $search, first: $first, after: $after) {
      nodes {
        id
        title
        activity
        updatedAt
        createdAt
        readOnly
        agent {
          id
          name
        }
        startedBy {
          id
          name
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

/** Whom one can talk to. */
export const ConversableAgentsDocument = graphql(/* GraphQL */ `
  query ConversableAgents($dataSetId: ID!, $after: String) {
    agents(dataSetId: $dataSetId, first: 100, after: $after) {
      nodes {
        id
        name
        description
        configuration
        viewerCan {
          converse
        }
        agentType {
          id
          name
          description
          model
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const SendMessageDocument = graphql(/* GraphQL */ `
  mutation SendMessage($input: SendMessageInput!) {
    sendMessage(input: $input) {
      message {
        id
      }
      conversation {
        id
        activity
        updatedAt
      }
      errors {
        __typename
        ...Refusal
      }
    }
  }
`);

export const StopReplyDocument = graphql(/* GraphQL */ `
  mutation StopReply($input: StopReplyInput!) {
    stopReply(input: $input) {
      conversation {
        id
        activity
      }
      errors {
        __typename
        ...Refusal
      }
    }
  }
`);
