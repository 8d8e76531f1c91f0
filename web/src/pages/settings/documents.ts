/** What the settings ask for: access tokens, members, users, data sets. */
import { graphql } from '@/gql';

export const TokensDocument = graphql(/* GraphQL */ `
  query Tokens($includeRevoked: Boolean!, $first: Int!, $after: String) {
    accessTokens(includeRevoked: $includeRevoked, first: $first, after: $after) {
      nodes {
        id
        name
        prefix
        createdAt
        lastUsedAt
        expiresAt
        revokedAt
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const CreateTokenDocument = graphql(/* GraphQL */ `
  mutation CreateToken($input: CreateAccessTokenInput!) {
    createAccessToken(input: $input) {
      accessToken {
        id
        name
        prefix
        createdAt
        lastUsedAt
        expiresAt
        revokedAt
      }
      secret
      errors {
        __typename
        ...Refusal
      }
    }
  }
`);

export const RevokeTokenDocument = graphql(/* GraphQL */ `
  mutation RevokeToken($input: RevokeAccessTokenInput!) {
    revokeAccessToken(input: $input) {
      accessToken {
        id
        revokedAt
      }
      errors {
        __typename
        ...Refusal
      }
    }
  }
`);

export const MembersDocument = graphql(/* GraphQL */ `
  query Members($dataSetId: ID!, $first: Int!, $after: String) {
    dataSet(id: $dataSetId) {
      id
      members(first: $first, after: $after) {
        nodes {
          id
          role
          createdAt
          user {
            id
            name
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

export const SetMemberDocument = graphql(/* GraphQL */ `
  mutation SetMember($input: SetDataSetMemberInput!) {
    setDataSetMember(input: $input) {
      member {
        id
        role
        createdAt
        user {
          id
          name
        }
      }
      errors {
        __typename
        ...Refusal
      }
    }
  }
`);

export const RemoveMemberDocument = graphql(/* GraphQL */ `
  mutation RemoveMember($input: RemoveDataSetMemberInput!) {
    removeDataSetMember(input: $input) {
      removedMemberId
      errors {
        __typename
        ...Refusal
      }
    }
  }
`);

export const UsersDocument = graphql(/* GraphQL */ `
  query Users($search: String, $first: Int!, $after: String) {
    users(search: $search, first: $first, after: $after) {
      nodes {
        id
        name
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const CreateUserDocument = graphql(/* GraphQL */ `
  mutation CreateUser($input: CreateUserInput!) {
    createUser(input: $input) {
      user {
        id
        name
      }
      errors {
        __typename
        ...Refusal
      }
    }
  }
`);

export const CreateDataSetDocument = graphql(/* GraphQL */ `
  mutation CreateDataSet($input: CreateDataSetInput!) {
    createDataSet(input: $input) {
      dataSet {
        id
        name
      }
      errors {
        __typename
        ...Refusal
      }
    }
  }
`);

export const RenameDataSetDocument = graphql(/* GraphQL */ `
  mutation RenameDataSet($input: UpdateDataSetInput!) {
    updateDataSet(input: $input) {
      dataSet {
        id
        name
      }
      errors {
        __typename
        ...Refusal
      }
    }
  }
`);
