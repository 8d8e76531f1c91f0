import { graphql } from '@/gql';

export const CancelExecutionsDocument = graphql(/* GraphQL */ `
  mutation CancelExecutions($input: CancelExecutionsInput!) {
    cancelExecutions(input: $input) {
      executions {
        ...ExecutionRow
      }
      errors {
        __typename
        ...Refusal
      }
    }
  }
`);

export const RetryExecutionsDocument = graphql(/* GraphQL */ `
  mutation RetryExecutions($input: RetryExecutionsInput!) {
    retryExecutions(input: $input) {
      executions {
        ...ExecutionRow
      }
      errors {
        __typename
        ...Refusal
      }
    }
  }
`);
