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

/** Why something was refused, in words. What is treated in a way of its own is named beside it. */
export const Refusal = graphql(/* GraphQL */ `
  fragment Refusal on UserError {
    code
    message
    path
  }
`);

/** Why an execution or an answer failed, to read. */
export const FailureShown = graphql(/* GraphQL */ `
  fragment FailureShown on ExecutionFailure {
    category
    code
    explanation
    explanationSource
    retryable
  }
`);

/** A file to download. */
export const FileShown = graphql(/* GraphQL */ `
  fragment FileShown on FileAttachment {
    id
    filename
    contentType
    sizeBytes
    downloadUrl
  }
`);

/** Which files are taken. */
export const FileRulesShown = graphql(/* GraphQL */ `
  fragment FileRulesShown on FileRules {
    maxFiles
    maxBytesPerFile
    maxBytesTotal
    extensions
    contentTypes
  }
`);
