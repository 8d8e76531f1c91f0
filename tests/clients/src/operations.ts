// What the tests' apps ask: written as an app would write it, typed by the generator.

import { graphql } from './gql/gql.ts';

export const LIST = graphql(`
  query List($filter: ExecutionFilter, $orderBy: ExecutionOrder, $first: Int, $after: String) {
    executions(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
      ...ExecutionPage
      totalCount
      statusCounts {
        status
        count
        isExact
      }
    }
  }
`);

export const DETAIL = graphql(`
  query Detail($id: ID!) {
    execution(id: $id) {
      ...ExecutionDetail
      streamCursor
    }
  }
`);

export const CHANGES = graphql(`
  subscription Changes($filter: ExecutionFilter, $orderBy: ExecutionOrder, $after: StreamCursor) {
    executionsChanged(filter: $filter, orderBy: $orderBy, after: $after) {
      ...ExecutionsFrame
      totalCount
      statusCounts {
        status
        count
        isExact
      }
    }
  }
`);

export const STATUS = graphql(`
  subscription Status($id: ID!, $after: StreamCursor) {
    executionStatus(id: $id, after: $after) {
      ...StatusUpdate
    }
  }
`);

export const EVENTS = graphql(`
  subscription Events($id: ID!, $after: StreamCursor) {
    conversationEvents(id: $id, after: $after) {
      ...EventDetail
    }
  }
`);

export const LAUNCH = graphql(`
  mutation Launch($input: LaunchExecutionInput!) {
    launchExecution(input: $input) {
      created
      execution {
        ...ExecutionDetail
      }
      errors {
        __typename
        ...Refusal
        ... on InputValidationError {
          issues {
            pointer
            keyword
            message
          }
        }
        ... on FileRejectedError {
          filename
          rule
        }
        ... on IdempotencyConflictError {
          existing {
            id
            revision
          }
        }
        ... on ExecutionTypeMismatchError {
          availableKeys
        }
        ... on SchemaVersionConflictError {
          currentVersion
        }
        ... on AgentRetiredError {
          agent {
            id
            retiredAt
          }
        }
      }
    }
  }
`);

export const CANCEL = graphql(`
  mutation Cancel($input: CancelExecutionInput!) {
    cancelExecution(input: $input) {
      execution {
        ...ExecutionDetail
      }
      errors {
        __typename
        ...Refusal
        ... on ExecutionAlreadyTerminalError {
          execution {
            id
            revision
            status
          }
        }
      }
    }
  }
`);

export const TRANSCRIPT = graphql(`
  query Transcript($id: ID!, $first: Int, $after: String) {
    conversation(id: $id) {
      id
      readOnly
      messages(first: $first, after: $after) {
        edges {
          cursor
          node {
            ...MessageDetail
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);

export const AGENTS = graphql(`
  query Agents($first: Int, $after: String) {
    agents(first: $first, after: $after) {
      edges {
        cursor
        node {
          id
          name
          agentTypeKey
          executionTypes {
            id
            key
            inputSchema
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);
