/**
 * The history's filters as they stand in the address, and as the API takes them. Everything a
 * reader chose is in the address, so that it survives a reload, can be bookmarked and sent to
 * others. Pure: the clock and the zone come in.
 */
import { isSpan, sinceOf, type Span, SPANS } from '@/executions/spans';
import type { ExecutionFilter, ExecutionStatus, FailureCategory } from '@/gql/graphql';

export const STATUSES = ['PENDING', 'IN_PROGRESS', 'FINISHED', 'FAILED'] as const satisfies ExecutionStatus[];

export { type Span, SPANS };

/** Why executions fail, in the order of the menu. */
export const FAILURES = [
  'MAX_RETRIES_EXCEEDED',
  'VALIDATION_FAILED',
  'STOPPED_BY_AGENT',
  'RUNTIME_ERROR',
  'TIMED_OUT',
  'EXPIRED',
  'BUDGET_EXCEEDED',
  'WORKER_LOST',
  'CANCELED',
  'UNKNOWN',
] as const satisfies FailureCategory[];

/** Changes some of the filters. `isSameStep`: one goes back behind this and the last change at once. */
export type Change = (change: Partial<Filters>, isSameStep?: boolean) => void;

export interface Filters {
  statuses: ExecutionStatus[];
  agents: string[];
  types: string[];
  labels: string[];
  failures: FailureCategory[];
  /** Launched by these users. */
  users: string[];
  /** The last hour, day, … Instead of `from` and `to`. */
  span: Span | undefined;
  /** Days in the viewer's zone, YYYY-MM-DD, both included. */
  from: string | undefined;
  to: string | undefined;
  search: string;
}

export const NO_FILTERS: Filters = {
  statuses: [],
  agents: [],
  types: [],
  labels: [],
  failures: [],
  users: [],
  span: undefined,
  from: undefined,
  to: undefined,
  search: '',
};

const day = (value: string | null) =>
  value && /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(Date.parse(value)) ? value : undefined;

/** What an address asks for. What makes no sense in it is left out: an old bookmark shows a list, not an error. */
export function readFilters(search: URLSearchParams): Filters {
  const all = (name: string) => [...new Set(search.getAll(name).filter((value) => value !== ''))];
  /** Those of a closed set, which stand in lower case. */
  const some = <Value extends string>(name: string, of: readonly Value[]) => {
    const values = new Set(all(name).map((value) => value.toUpperCase()));
    return of.filter((one) => values.has(one));
  };
  const span = search.get('span');
  return {
    statuses: some('status', STATUSES),
    agents: all('agent'),
    types: all('type'),
    labels: all('label'),
    failures: some('failure', FAILURES),
    users: all('by'),
    ...(isSpan(span)
      ? { span, from: undefined, to: undefined }
      : { span: undefined, from: day(search.get('from')), to: day(search.get('to')) }),
    search: search.get('q') ?? '',
  };
}

/** The address of a list. Always in the same order, so that the same list has one address. */
export function writeFilters(filters: Filters): URLSearchParams {
  const search = new URLSearchParams();
  for (const one of filters.statuses) search.append('status', one.toLowerCase());
  for (const one of filters.agents) search.append('agent', one);
  for (const one of filters.types) search.append('type', one);
  for (const one of filters.labels) search.append('label', one);
  for (const one of filters.failures) search.append('failure', one.toLowerCase());
  for (const one of filters.users) search.append('by', one);
  if (filters.span) search.set('span', filters.span);
  else {
    if (filters.from) search.set('from', filters.from);
    if (filters.to) search.set('to', filters.to);
  }
  if (filters.search) search.set('q', filters.search);
  return search;
}

export function isFiltered(filters: Filters): boolean {
  return writeFilters(filters).size > 0;
}

/** When a list is asked for. */
export const now = (): number => Date.now();

/** What the API is asked for. A span begins with a whole minute at least, so that one list is one entry of the cache. */
export function filterInput(filters: Filters, dataSetId: string, now: number): ExecutionFilter {
  const some = <T>(values: T[]) => (values.length > 0 ? values : undefined);
  return {
    dataSetIds: [dataSetId],
    statuses: some(filters.statuses),
    agentIds: some(filters.agents),
    executionKeys: some(filters.types),
    labels: some(filters.labels),
    failureCategories: some(filters.failures),
    launchedByIds: some(filters.users),
    createdAt: createdAt(filters, now),
    search: filters.search.trim() || undefined,
  };
}

function createdAt({ span, from, to }: Filters, now: number) {
  if (span) return { from: sinceOf(span, now) };
  if (!from && !to) return undefined;
  return {
    ...(from ? { from: midnight(from, 0) } : {}),
    // The day itself is included, the instant is not.
    ...(to ? { to: midnight(to, 1) } : {}),
  };
}

/** The start of a day in the viewer's zone, `later` days on; clock changes included. */
function midnight(date: string, later: number): string {
  const [year = 0, month = 1, dayOfMonth = 1] = date.split('-').map(Number);
  return new Date(year, month - 1, dayOfMonth + later).toISOString();
}
