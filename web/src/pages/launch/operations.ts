import { graphql } from '@/gql';

export const LaunchAgentsDocument = graphql(/* GraphQL */ `
  query LaunchAgents($dataSetId: ID!, $after: String) {
    agents(dataSetId: $dataSetId, first: 100, after: $after) {
      nodes {
        id
        name
        description
        acceptsFiles
        viewerCan {
          launch
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

/** Fetched for the agent that was chosen: what it can do now. */
export const LaunchTypesDocument = graphql(/* GraphQL */ `
  query LaunchTypes($agentId: ID!) {
    agent(id: $agentId) {
      id
      name
      acceptsFiles
      fileRules {
        ...FileRulesShown
      }
      executionTypes {
        id
        key
        name
        description
        inputSchema
        schemaVersion
        examples {
          name
          description
          input
        }
        fileRules {
          ...FileRulesShown
        }
      }
    }
  }
`);

/** What "launch again" starts from. */
export const LaunchFromDocument = graphql(/* GraphQL */ `
  query LaunchFrom($id: ID!) {
    execution(id: $id) {
      id
      executionKey
      input
      labels
      agent {
        id
        name
        retiredAt
      }
      files {
        id
        filename
        sizeBytes
      }
    }
  }
`);

export const CheckInputDocument = graphql(/* GraphQL */ `
  query CheckInput($agentId: ID!, $executionKey: String!, $input: JSON!, $schemaVersion: String) {
    validateExecutionInput(
      agentId: $agentId
      executionKey: $executionKey
      input: $input
      expectedSchemaVersion: $schemaVersion
    ) {
      valid
      issues {
        pointer
        property
        keyword
        message
      }
      errors {
        __typename
        ...Refusal
      }
    }
  }
`);

export const LaunchDocument = graphql(/* GraphQL */ `
  mutation Launch($input: LaunchExecutionInput!) {
    launchExecution(input: $input) {
      created
      execution {
        ...ExecutionRow
      }
      errors {
        __typename
        ...Refusal
        ... on InputValidationError {
          issues {
            pointer
            property
            keyword
            message
          }
        }
        ... on FileRejectedError {
          rule
          index
          filename
        }
        ... on IdempotencyConflictError {
          existing {
            id
          }
        }
        ... on SchemaVersionConflictError {
          currentVersion
        }
      }
    }
  }
`);
