/** Where pages are. Links are made here and nowhere else, so that an address can change in one place. */

export const paths = {
  home: '/',
  signIn: (next?: string) => (next && next !== '/' ? `/sign-in?next=${encodeURIComponent(next)}` : '/sign-in'),
  history: (dataSetId: string, search = '') => `/sets/${dataSetId}/executions${search}`,
  execution: (dataSetId: string, id: string) => `/sets/${dataSetId}/executions/${id}`,
  /** Preselects an agent, a type, or all that an execution was launched with. */
  launch: (dataSetId: string, preset: { agent?: string; type?: string; from?: string } = {}) => {
    const search = new URLSearchParams(Object.entries(preset)).toString();
    return `/sets/${dataSetId}/launch${search && `?${search}`}`;
  },
  conversations: (dataSetId: string) => `/sets/${dataSetId}/conversations`,
  /** An execution's is under it, as it is in no list of conversations. */
  conversation: (dataSetId: string, id: string, executionId?: string) =>
    `/sets/${dataSetId}/${executionId ? `executions/${executionId}/` : ''}conversations/${id}`,
  agents: (dataSetId: string) => `/sets/${dataSetId}/agents`,
  agent: (dataSetId: string, id: string) => `/sets/${dataSetId}/agents/${id}`,
  records: (dataSetId: string) => `/sets/${dataSetId}/records`,
  overview: (dataSetId: string) => `/sets/${dataSetId}/overview`,
  settings: (dataSetId: string) => `/sets/${dataSetId}/settings`,
  /** A page of its own, loaded whole: use a plain <a>. */
  playground: '/graphiql',
} as const;

const NOWHERE = 'http://page.invalid';

/** The part of `next` that is safe to go to after signing in: a path of this page, nothing else. */
export function safeNext(next: string | null): string {
  if (!next || !URL.canParse(next, NOWHERE)) return paths.home;
  const url = new URL(next, NOWHERE);
  return url.origin === NOWHERE && next.startsWith('/') && !url.pathname.startsWith('/sign-in')
    ? url.pathname + url.search + url.hash
    : paths.home;
}
