// What one opens first: operations that work on any data set, with the variables filled in from what the viewer has.
//
// They are not the page's own documents: codegen leaves them alone (no `graphql()` tag), and the browser tests run each
// of them against the server. To add one: an entry below.

import { randomKey } from '@/api/id';

/** Ids of things that the viewer may see, to fill variables with; null where there is none. */
export interface Known {
  dataSetId: string | null;
  agentId: string | null;
  executionKey: string | null;
  exampleInput: unknown;
  executionId: string | null;
  conversationId: string | null;
}

export interface Starter {
  title: string;
  description: string;
  query: string;
  variables(known: Known): Record<string, unknown>;
}

/** Asked once, before the list is shown. */
export const KNOWN_QUERY = `query Known {
  dataSets(first: 1) {
    nodes {
      id
      agents(first: 1) { nodes { id executionTypes { key examples { input } } } }
    }
  }
  executions(first: 1) { nodes { id conversation { id } } }
}`;

export const starters: Starter[] = [
  {
    title: 'Launch an execution',
    description: 'Accepted means durable. Sent again with the same key, it answers with the first one.',
    query: `mutation Launch($input: LaunchExecutionInput!) {
  launchExecution(input: $input) {
    created
    execution {
      id
      status
      conversation {
        id
      }
    }
    errors {
      ... on UserError {
        code
        message
        path
      }
      ... on InputValidationError {
        issues {
          pointer
          property
          message
        }
      }
    }
  }
}
`,
    variables: (known) => ({
      input: {
        agentId: known.agentId ?? 'agt_…',
        executionKey: known.executionKey ?? 'catalog-enrichment',
        input: known.exampleInput ?? {},
        idempotency: { key: `playground-${randomKey()}` },
      },
    }),
  },
  {
    title: 'Watch an execution',
    description: 'Its state now, then each change. The stream ends with the execution.',
    query: `subscription Watch($id: ID!) {
  executionStatus(id: $id) {
    cursor
    status
    isTerminal
    skipped
    execution {
      id
      revision
      attempt
      progress {
        done
        total
        note
      }
      failure {
        category
        code
        explanation
      }
    }
  }
}
`,
    variables: (known) => ({ id: known.executionId ?? 'exe_…' }),
  },
  {
    title: 'Filter executions',
    description: 'Newest first, with counts per status. Hand endCursor back as $after for the next page.',
    query: `query Filter($filter: ExecutionFilter, $after: String) {
  executions(filter: $filter, first: 10, after: $after) {
    totalCount
    statusCounts {
      status
      count
    }
    nodes {
      id
      status
      executionKey
      labels
      createdAt
      durationMs
      agent {
        id
        name
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
    streamCursor
  }
}
`,
    variables: (known) => ({
      filter: {
        ...(known.dataSetId ? { dataSetIds: [known.dataSetId] } : {}),
        statuses: ['FINISHED', 'FAILED'],
      },
    }),
  },
  {
    title: 'Follow a list',
    description: 'What enters, changes and leaves the list. The first frame says resync and carries a cursor.',
    query: `subscription Follow($filter: ExecutionFilter) {
  executionsChanged(filter: $filter) {
    cursor
    resync
    changes {
      __typename
      ... on ExecutionEntered {
        edge {
          node {
            id
            status
          }
        }
      }
      ... on ExecutionUpdated {
        edge {
          node {
            id
            status
          }
        }
      }
      ... on ExecutionLeft {
        executionId
      }
    }
  }
}
`,
    variables: (known) => ({ filter: known.dataSetId ? { dataSetIds: [known.dataSetId] } : {} }),
  },
  {
    title: 'Read a conversation',
    description: 'Everything the agent was told, thought, called and answered.',
    query: `query ReadConversation($id: ID!) {
  conversation(id: $id) {
    id
    readOnly
    readOnlyReason
    messages(last: 50) {
      nodes {
        sequence
        role
        attempt
        model
        createdAt
        parts {
          __typename
          ... on TextPart {
            text
          }
          ... on ReasoningPart {
            text
          }
          ... on ToolCallPart {
            tool
            arguments
          }
          ... on ToolResultPart {
            tool
            isError
            output
            durationMs
          }
          ... on FilePart {
            file {
              filename
              downloadUrl
            }
          }
        }
      }
    }
  }
}
`,
    variables: (known) => ({ id: known.conversationId ?? 'con_…' }),
  },
  {
    title: 'Follow a conversation',
    description: 'Every event from the first on, none left out, then live.',
    query: `subscription FollowConversation($id: ID!) {
  conversationEvents(id: $id) {
    __typename
    sequence
    occurredAt
    cursor
    ... on MessageAddedEvent {
      message {
        role
        parts {
          __typename
          ... on TextPart {
            text
          }
        }
      }
    }
    ... on StatusChangedEvent {
      from
      to
    }
    ... on ValidatorRejectedEvent {
      validator
      feedback
      willRetry
    }
  }
}
`,
    variables: (known) => ({ id: known.conversationId ?? 'con_…' }),
  },
  {
    title: 'Cancel an execution',
    description: 'Legal from the first instant; the end is CANCELED once it was accepted.',
    query: `mutation Cancel($input: CancelExecutionInput!) {
  cancelExecution(input: $input) {
    execution {
      id
      status
      cancellation {
        requestedAt
        confirmedAt
      }
    }
    errors {
      ... on UserError {
        code
        message
      }
    }
  }
}
`,
    variables: (known) => ({ input: { id: known.executionId ?? 'exe_…', reason: 'Not needed after all' } }),
  },
  {
    title: 'Agents and what they can do',
    description: 'With the JSON Schema of each input, for forms and checks.',
    query: `query Agents($dataSetId: ID) {
  agents(dataSetId: $dataSetId) {
    nodes {
      id
      name
      acceptsFiles
      executionTypes {
        key
        name
        description
        inputSchema
        failureCodes {
          code
          category
          retryable
        }
      }
    }
  }
}
`,
    variables: (known) => ({ dataSetId: known.dataSetId }),
  },
];
