/**
 * Lists that are offered whole, as menus are. The first page is read by whoever shows it; this reads
 * on from its end. Most lists end with their first page, and then nothing is asked.
 */
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import type { AnyVariables, Client, RequestPolicy } from 'urql';

/** As many as the server gives at once. */
const PAGE = 100;

/** Beyond it a menu is no way to choose, and reading it all takes seconds. */
export const AT_MOST = 1_000;

export interface Page<Node> {
  nodes: Node[];
  pageInfo: { hasNextPage: boolean; endCursor?: string | null };
}

/** What of a list is not there: nothing, what is on its way, what is beyond `AT_MOST`, what could not be read. */
export type Missing = 'nothing' | 'coming' | 'beyond' | 'failed';

export interface Rest<Node> {
  nodes: Node[];
  missing: Missing;
}

/** What the pages after the first are read by. */
export interface Reading<Data, Variables extends AnyVariables, Node> {
  /** Takes `after`. */
  query: TypedDocumentNode<Data, Variables>;
  variables: Variables;
  requestPolicy?: RequestPolicy | undefined;
  listOf: (data: Data) => Page<Node>;
}

/** Where the page goes on, or null at the end of the list. */
export const nextOf = (page: Page<unknown>): string | null =>
  page.pageInfo.hasNextPage ? (page.pageInfo.endCursor ?? null) : null;

/**
 * Reads what comes after `cursor`, tells each time there is more, and again when a page changes in
 * the cache. Returns what ends it.
 */
export function followRest<Data, Variables extends AnyVariables, Node>(
  client: Pick<Client, 'query'>,
  { query, variables, requestPolicy, listOf }: Reading<Data, Variables, Node>,
  cursor: string,
  tell: (rest: Rest<Node>) => void,
): () => void {
  const pages: { page: Page<Node>; next: string | null }[] = [];
  const stops: (() => void)[] = [];
  const endFrom = (place: number) => {
    for (const stop of stops.splice(place)) stop();
    pages.length = Math.min(pages.length, place);
  };
  const report = (failed: boolean) => {
    const next = pages.at(-1)?.next;
    const missing = failed ? 'failed' : next === null ? 'nothing' : isFull(pages.length) ? 'beyond' : 'coming';
    tell({ nodes: pages.flatMap(({ page }) => page.nodes), missing });
  };
  const follow = (place: number, after: string) => {
    const results = client.query(query, { ...variables, after }, requestPolicy ? { requestPolicy } : {});
    const { unsubscribe } = results.subscribe(({ data, error }) => {
      if (!data) {
        if (error) report(true);
        return;
      }
      const page = listOf(data);
      const next = nextOf(page);
      const known = pages[place];
      if (known && known.next !== next) endFrom(place + 1);
      pages[place] = { page, next };
      report(false);
      if (next !== null && known?.next !== next && !isFull(place + 1)) follow(place + 1, next);
    });
    stops[place] = unsubscribe;
  };
  follow(0, cursor);
  return () => endFrom(0);
}

/** Whether that many pages after the first are all that is read. */
const isFull = (pages: number) => (pages + 1) * PAGE >= AT_MOST;
