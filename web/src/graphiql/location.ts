/**
 * The operation in the URL, under the names that GraphiQL has always used: `query`, `variables`,
 * `operationName`. Anything that links to a GraphiQL links to this one.
 */

export interface Operation {
  query: string;
  variables: string;
}

/** What a server takes as a path, with room for its other headers. */
const LONGEST = 6_000;

export function read(search: string): Partial<Operation> {
  const parameters = new URLSearchParams(search);
  const query = parameters.get('query');
  const variables = parameters.get('variables');
  return { ...(query ? { query } : {}), ...(variables ? { variables } : {}) };
}

/** The search part for an operation; null where it would be longer than a URL should be. */
export function write({ query, variables }: Operation): string | null {
  const parameters = new URLSearchParams();
  if (query.trim()) parameters.set('query', query);
  if (variables.trim() && variables.trim() !== '{}') parameters.set('variables', variables);
  const search = parameters.toString();
  if (search.length > LONGEST) return null;
  return search ? `?${search}` : '';
}
