/** A list that is offered whole: its first page at once, the rest as it comes. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { type AnyVariables, type CombinedError, createRequest, useClient, useQuery, type UseQueryArgs } from 'urql';
import { followRest, type Missing, nextOf, type Reading, type Rest } from './wholeList';

export interface WholeList<Data, Node> {
  /** Of the first page; undefined until it is there. */
  data: Data | undefined;
  /** Of all pages that are there. */
  nodes: Node[];
  missing: Missing;
  /** Of the first page. */
  error: CombinedError | undefined;
  reload: () => void;
}

/** `listOf` must be the same function each time. */
export function useWholeList<Data, Variables extends AnyVariables, Node extends { id: string }>({
  query,
  variables,
  requestPolicy,
  listOf,
}: Reading<Data, Variables, Node>): WholeList<Data, Node> {
  const client = useClient();
  const [{ data, error, operation }, ask] = useQuery({
    query,
    variables,
    ...(requestPolicy && { requestPolicy }),
  } as UseQueryArgs<Variables, Data>);
  const { key } = createRequest(query, variables);
  const asked = useRef({ query, variables });
  useEffect(() => {
    asked.current = { query, variables };
  });
  const [reloads, setReloads] = useState(0);
  const page = useMemo(() => data && listOf(data), [data, listOf]);
  // Until the answer to other variables is there, the one to those before is kept: another list's, with its cursors.
  const isCurrent = operation?.key === key;
  const cursor = page && isCurrent ? nextOf(page) : null;

  const [told, setTold] = useState<{ key: number; rest: Rest<Node> }>();
  useEffect(() => {
    if (cursor === null) return undefined;
    const policy = reloads > 0 ? 'network-only' : requestPolicy;
    return followRest(client, { ...asked.current, requestPolicy: policy, listOf }, cursor, (rest) => setTold({ key, rest }));
  }, [client, key, cursor, reloads, requestPolicy, listOf]);

  const { nodes, missing } = useMemo((): Rest<Node> => {
    const first = page?.nodes ?? [];
    const rest = isCurrent && told?.key === key ? told.rest : undefined;
    if (!page && error) return { nodes: first, missing: 'failed' };
    if (page && isCurrent && cursor === null) return { nodes: first, missing: 'nothing' };
    if (!rest) return { nodes: first, missing: 'coming' };
    // What moved from one page into another is in both until the other is read again.
    const known = new Set(first.map((one) => one.id));
    return { nodes: [...first, ...rest.nodes.filter((one) => !known.has(one.id))], missing: rest.missing };
  }, [page, error, isCurrent, told, key, cursor]);

  const reload = useCallback(() => {
    setReloads((times) => times + 1);
    ask({ requestPolicy: 'network-only' });
  }, [ask]);
  return { data, nodes, missing, error, reload };
}
