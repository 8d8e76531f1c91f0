/** What the records page asks for. */
import { graphql } from '@/gql';

export const CollectionsDocument = graphql(/* GraphQL */ `
  query Collections($dataSetId: ID!) {
    dataSet(id: $dataSetId) {
      id
      collections {
        name
        recordCount
      }
    }
  }
`);

export const RecordsDocument = graphql(/* GraphQL */ `
  query Records(
    $dataSetId: ID!
    $collection: String
    $search: String
    $first: Int
    $after: String
    $last: Int
    $before: String
  ) {
    dataSet(id: $dataSetId) {
      id
      records(collection: $collection, search: $search, first: $first, after: $after, last: $last, before: $before) {
        nodes {
          id
          collection
          key
          document
          createdAt
          updatedAt
        }
        pageInfo {
          hasNextPage
          hasPreviousPage
          startCursor
          endCursor
        }
      }
    }
  }
`);
