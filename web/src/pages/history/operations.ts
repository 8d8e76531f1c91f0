import { graphql } from '@/gql';

export const HistoryDocument = graphql(/* GraphQL */ `
  query History($filter: ExecutionFilter, $first: Int, $after: String, $last: Int, $before: String) {
    executions(filter: $filter, first: $first, after: $after, last: $last, before: $before) {
      edges {
        cursor
        node {
          ...ExecutionRow
        }
      }
      pageInfo {
        hasNextPage
        hasPreviousPage
        startCursor
        endCursor
      }
      statusCounts {
        status
        count
        isExact
      }
      streamCursor
    }
  }
`);

export const HistoryChangesDocument = graphql(/* GraphQL */ `
  subscription HistoryChanges($filter: ExecutionFilter, $after: StreamCursor) {
    executionsChanged(filter: $filter, after: $after) {
      cursor
      resync
      statusCounts {
        status
        count
        isExact
      }
      changes {
        __typename
        ... on ExecutionEntered {
          edge {
            cursor
            node {
              ...ExecutionRow
            }
          }
        }
        ... on ExecutionUpdated {
          edge {
            cursor
            node {
              ...ExecutionRow
            }
          }
        }
        ... on ExecutionLeft {
          executionId
          execution {
            id
            revision
          }
        }
      }
    }
  }
`);

/** What the filters' menus offer. */
export const HistoryMenusDocument = graphql(/* GraphQL */ `
  query HistoryMenus($dataSetId: ID!, $after: String) {
    agents(dataSetId: $dataSetId, includeRetired: true, first: 100, after: $after) {
      nodes {
        id
        name
        retiredAt
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
    dataSet(id: $dataSetId) {
      id
      executionTypes {
        id
        key
        name
      }
    }
  }
`);

/** What occurs in the list, and how often: asked for when a menu is opened. */
export const HistoryFacetsDocument = graphql(/* GraphQL */ `
  query HistoryFacets($filter: ExecutionFilter!, $limit: Int!) {
    executionFacets(filter: $filter, limit: $limit) {
      isExact
      agents {
        agent {
          id
          name
        }
        count
      }
      executionKeys {
        value
        label
        count
      }
      labels {
        value
        count
      }
      launchedBy {
        user {
          id
          name
        }
        count
      }
    }
  }
`);
