// Parts of the contract that schema.graphql does not have yet, each with the reason. A line that is no longer needed
// fails the check: delete it with the work that brings its part.
const facets = 'counts for the filters of a list come with search';
const stats = 'statistics over time come with the dashboard';
const deltas = 'text while it is being written comes with real models';
const parts = (reason, ...names) => names.map((name) => [name, reason]);

export const later = new Map([
  ...parts(facets, 'Query.executionFacets', 'ExecutionFacets', 'AgentFacet', 'UserFacet', 'ValueFacet'),
  ...parts(stats, 'Query.executionStats', 'ExecutionStats', 'ExecutionStatsPoint', 'StatsInterval', 'DurationStats',
    'FailureStats', 'AgentStats', 'UsageStats'),
  ...parts(deltas, 'Subscription.messageDeltas', 'MessageDelta', 'MessageDeltaKind'),
]);
