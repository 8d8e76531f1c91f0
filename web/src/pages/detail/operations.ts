import { graphql } from '@/gql';

/** What changes while it runs; input and lineage are read once. */
export const ExecutionLive = graphql(/* GraphQL */ `
  fragment ExecutionLive on Execution {
    ...ExecutionRow
    updatedAt
    expiresAt
    deadlineAt
    result
    failure {
      ...FailureShown
    }
    cancellation {
      reason
      requestedAt
      confirmedAt
      requestedBy {
        id
        name
      }
    }
    usage {
      inputTokens
      outputTokens
      modelCalls
      toolCalls
      costMicroUsd
    }
    rejections {
      attempt
      validator
      feedback
      willRetry
      occurredAt
    }
  }
`);

export const DetailDocument = graphql(/* GraphQL */ `
  query Detail($id: ID!) {
    execution(id: $id) {
      ...ExecutionLive
      input
      schemaVersion
      executionType {
        id
        name
        failureCodes {
          code
          description
        }
      }
      files {
        ...FileShown
      }
      retryOf {
        id
        status
        createdAt
        failure {
          category
        }
      }
      retries(first: 20) {
        nodes {
          id
          status
          createdAt
          failure {
            category
          }
        }
        pageInfo {
          hasNextPage
        }
      }
      streamCursor
    }
  }
`);

export const DetailStatusDocument = graphql(/* GraphQL */ `
  subscription DetailStatus($id: ID!, $after: StreamCursor) {
    executionStatus(id: $id, after: $after) {
      cursor
      status
      execution {
        ...ExecutionLive
      }
    }
  }
`);

/** What an execution did, as far as a picture shows it: no texts, no arguments. */
export const Step = graphql(/* GraphQL */ `
  fragment Step on ConversationEvent {
    __typename
    id
    sequence
    occurredAt
    cursor
    ... on MessageAddedEvent {
      message {
        id
        role
        model
        parts {
          __typename
          ... on ToolCallPart {
            id
            callId
            tool
          }
          ... on ToolResultPart {
            id
            callId
            tool
            isError
            durationMs
          }
        }
      }
    }
    ... on ValidatorRejectedEvent {
      attempt
      validator
    }
  }
`);

export const DetailStepsDocument = graphql(/* GraphQL */ `
  query DetailSteps($conversationId: ID!, $last: Int!) {
    conversation(id: $conversationId) {
      id
      streamCursor
      timeline(last: $last) {
        nodes {
          ...Step
        }
        pageInfo {
          hasPreviousPage
        }
      }
    }
  }
`);

export const DetailStepsAddedDocument = graphql(/* GraphQL */ `
  subscription DetailStepsAdded($conversationId: ID!, $after: StreamCursor) {
    conversationEvents(id: $conversationId, after: $after) {
      ...Step
    }
  }
`);
