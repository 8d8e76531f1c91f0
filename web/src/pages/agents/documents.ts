/** What the agent pages ask for. */
import { graphql } from '@/gql';

export const AgentsDocument = graphql(/* GraphQL */ `
  query Agents($dataSetId: ID!, $includeRetired: Boolean!, $first: Int!, $after: String) {
    agents(dataSetId: $dataSetId, includeRetired: $includeRetired, first: $first, after: $after) {
      nodes {
        id
        name
        description
        agentTypeKey
        configuration
        retiredAt
        acceptsFiles
        updatedAt
        agentType {
          id
          name
          model
        }
        executionTypes {
          id
          name
        }
        viewerCan {
          launch
          converse
          update
          retire
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const AgentDocument = graphql(/* GraphQL */ `
  query Agent($id: ID!) {
    agent(id: $id) {
      id
      name
      description
      agentTypeKey
      configuration
      retiredAt
      createdAt
      updatedAt
      dataSet {
        id
      }
      fileRules {
        ...FileRulesShown
      }
      viewerCan {
        launch
        converse
        update
        retire
      }
      agentType {
        id
        key
        name
        description
        model
        tools
        configurationSchema
      }
      executionTypes {
        id
        key
        name
        description
        schemaVersion
        maxRetries
        inputSchema
        outputSchema
        failureCodes {
          code
          category
          description
          retryable
        }
        examples {
          name
          description
          input
        }
      }
    }
  }
`);

export const AgentTypesDocument = graphql(/* GraphQL */ `
  query AgentTypes {
    agentTypes {
      id
      key
      name
      description
      model
      configurationSchema
      executionTypes {
        id
        name
      }
    }
  }
`);

export const CreateAgentDocument = graphql(/* GraphQL */ `
  mutation CreateAgent($input: CreateAgentInput!) {
    createAgent(input: $input) {
      agent {
        id
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
      }
    }
  }
`);

export const UpdateAgentDocument = graphql(/* GraphQL */ `
  mutation UpdateAgent($input: UpdateAgentInput!) {
    updateAgent(input: $input) {
      agent {
        id
        name
        description
        configuration
        updatedAt
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
        ... on EditConflictError {
          current {
            id
            name
            description
            configuration
            updatedAt
          }
        }
      }
    }
  }
`);

export const RetireAgentDocument = graphql(/* GraphQL */ `
  mutation RetireAgent($input: RetireAgentInput!) {
    retireAgent(input: $input) {
      agent {
        id
        retiredAt
        updatedAt
        viewerCan {
          launch
          converse
          update
          retire
        }
      }
      errors {
        __typename
        ...Refusal
      }
    }
  }
`);
