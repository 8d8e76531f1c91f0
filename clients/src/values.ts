// Types of the schema without an id: values, which belong to the object that they were selected on. A normalized
// cache embeds them. tests/clients holds the lists against schema.graphql: no such type may be missing, and none may be
// named that is not there.

/** Values whose fields describe one object: two selections of one may be put together. */
export const VALUES = [
  'AgentFacet',
  'AgentPermissions',
  'AgentStats',
  'Budget',
  'BudgetAmounts',
  'DataRecordCollection',
  'DataSetPermissions',
  'DataSetUsage',
  'DurationStats',
  'ExecutionCancellation',
  'ExecutionExample',
  'ExecutionFacets',
  'ExecutionFailure',
  'ExecutionPermissions',
  'ExecutionProgress',
  'ExecutionStats',
  'ExecutionStatsPoint',
  'ExecutionStatusCount',
  'ExecutionUsage',
  'FailureCodeDefinition',
  'FailureStats',
  'FileRules',
  'InputIssue',
  'InputValidation',
  'MessageUsage',
  'PageInfo',
  'ServerInfo',
  'UsageDay',
  'UsageOfAgent',
  'UsageOfModel',
  'UsageStats',
  'UsageTotals',
  'UserFacet',
  'ValidatorRejection',
  'ValueFacet',
] as const;

/** Pages, and rows of pages. */
export const CONNECTIONS = [
  'AccessTokenConnection',
  'AccessTokenEdge',
  'AgentConnection',
  'AgentEdge',
  'ConversationConnection',
  'ConversationEdge',
  'ConversationEventConnection',
  'ConversationEventEdge',
  'ConversationEventPage',
  'DataRecordConnection',
  'DataRecordEdge',
  'DataSetConnection',
  'DataSetEdge',
  'DataSetMemberConnection',
  'DataSetMemberEdge',
  'ExecutionConnection',
  'ExecutionEdge',
  'MessageConnection',
  'MessageEdge',
  'UserConnection',
  'UserEdge',
] as const;

/** What subscriptions deliver. */
export const DELIVERIES = [
  'ExecutionEntered',
  'ExecutionLeft',
  'ExecutionStatusUpdate',
  'ExecutionUpdated',
  'ExecutionsChange',
  'MessageDelta',
] as const;

/** What mutations answer, and why they refused. */
export const isOutcome = (typename: string): boolean => /(Payload|Error)$/.test(typename);
