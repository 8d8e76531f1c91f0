/** What the overview asks for: numbers computed by the database, never rows. */
import { graphql } from '@/gql';

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
    # Only where the stream of changes begins.
    executions(filter: $filter, first: 0) {
      streamCursor
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
