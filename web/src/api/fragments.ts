/**
 * What several pages read of the same thing. One fragment for each view of it, named after what
 * shows it; operations name them, and their types come from `@/gql/graphql`.
 */
import { graphql } from '@/gql';

/** An execution as one row of a list. No input, no result: those may be large. */
export const ExecutionRow = graphql(/* GraphQL */ `
  fragment ExecutionRow on Execution {
    id
    revision
    status
    isTerminal
    dataSet {
      id
    }
    conversation {
      id
    }
    executionKey
    executionType {
      id
      name
    }
    agent {
      id
      name
    }
    labels
    launchedBy {
      id
      name
    }
    createdAt
    startedAt
    finishedAt
    durationMs
    attempt
    maxAttempts
    progress {
      done
      total
      note
    }
    failure {
      category
      code
    }
    cancellation {
      requestedAt
    }
    viewerCan {
      cancel
      retry
    }
  }
`);
