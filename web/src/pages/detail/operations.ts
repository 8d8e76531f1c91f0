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
