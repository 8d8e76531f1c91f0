/** What the overview asks for: numbers computed by the database, never rows. */
import { graphql } from '@/gql';

/** Where the stream of changes begins. Answered before the numbers are asked for: beside them it might be read later. */
export const OverviewStartDocument = graphql(/* GraphQL */ `
  query OverviewStart($filter: ExecutionFilter!) {
    executions(filter: $filter, first: 0) {
      streamCursor
    }
  }
`);

export const OverviewDocument = graphql(/* GraphQL */ `
  query Overview($filter: ExecutionFilter!, $range: DateTimeRange!, $interval: StatsInterval!, $timeZone: String!) {
    executionStats(filter: $filter, range: $range) {
      asOf
      isExact
      from
      totalCount
      statusCounts {
        status
        count
      }
      series(interval: $interval, timeZone: $timeZone) {
        from
        to
        statusCounts {
          status
          count
        }
        duration {
          p50Ms
          p90Ms
          p99Ms
        }
      }
      duration {
        p50Ms
        p90Ms
        p99Ms
        maxMs
      }
      queueTime {
        p50Ms
        p90Ms
        maxMs
      }
      failures {
        category
        code
        count
      }
      agents {
        agent {
          id
          name
        }
        statusCounts {
          status
          count
        }
        duration {
          p50Ms
        }
        usage {
          inputTokens
          outputTokens
          modelCalls
          toolCalls
          costMicroUsd
        }
      }
      usage {
        inputTokens
        outputTokens
        modelCalls
        toolCalls
        costMicroUsd
      }
      oldestPendingMs
    }
  }
`);

export const OverviewFacetsDocument = graphql(/* GraphQL */ `
  query OverviewFacets($filter: ExecutionFilter!) {
    executionFacets(filter: $filter, limit: 8) {
      isExact
      executionKeys {
        value
        label
        count
      }
      labels {
        value
        label
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

/** That something changed, not what: the numbers are asked for again. */
export const OverviewChangedDocument = graphql(/* GraphQL */ `
  subscription OverviewChanged($filter: ExecutionFilter!, $after: StreamCursor) {
    executionsChanged(filter: $filter, after: $after) {
      cursor
      resync
    }
  }
`);
