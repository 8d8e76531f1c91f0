/** The filters of the history: counts by status, and menus. All it does is change the address. */
import { X } from 'lucide-react';
import { useState } from 'react';
import { useWholeList } from '@/api/useWholeList';
import { useSession } from '@/app/ShellContext';
import { Button } from '@/components/Button';
import { SearchField } from '@/components/SearchField';
import { CATEGORY_WORDS } from '@/components/StatusPill';
import type { ExecutionFilter, HistoryMenusQuery } from '@/gql/graphql';
import { Choice } from './Choice';
import { Dates } from './Dates';
import { occurrences } from './facets';
import { type Change, FAILURES, type Filters, isFiltered, NO_FILTERS } from './filters';
import type { Count } from './list';
import { HistoryMenusDocument } from './operations';
import { StatusTabs } from './StatusTabs';
import { useFacets } from './useFacets';

const agentsOf = (data: HistoryMenusQuery) => data.agents;

export function FilterBar({
  dataSetId,
  filters,
  filter,
  counts,
  changes,
  onChange,
}: {
  dataSetId: string;
  filters: Filters;
  /** The same for the API. */
  filter: ExecutionFilter;
  counts: readonly Count[] | undefined;
  /** Counts up with each change of the list. */
  changes: number;
  onChange: Change;
}) {
  const { data, nodes, missing } = useWholeList({ query: HistoryMenusDocument, variables: { dataSetId }, listOf: agentsOf });
  const session = useSession();
  const [looking, setLooking] = useState(false);
  // Another user's name comes from there too.
  const isWanted = filters.users.some((id) => session && id !== session.user.id);
  const facets = useFacets(filter, changes, { isWanted, isLookedAt: looking });
  const isExact = facets?.isExact ?? true;
  const agents = nodes.map(({ id, name, retiredAt }) => ({
    value: id,
    label: retiredAt ? `${name} (retired)` : name,
    count: occurrences(facets?.agents, isExact, (one) => one.agent.id === id),
  }));
  const types = (data?.dataSet?.executionTypes ?? []).map(({ key, name }) => ({
    value: key,
    label: name,
    count: occurrences(facets?.executionKeys, isExact, (one) => one.value === key),
  }));
  // Types that are no longer registered, and still occur.
  for (const one of facets?.executionKeys ?? []) {
    if (!types.some((type) => type.value === one.value)) types.push({ value: one.value, label: one.label, count: one.count });
  }
  const labels = (facets?.labels ?? []).map(({ value, count: number }) => ({ value, label: value, count: number }));
  const me = session?.user;
  const others = (facets?.launchedBy ?? []).filter((one) => one.user.id !== me?.id);
  const users = [
    ...(me ? [{ value: me.id, label: `${me.name} (you)`, count: occurrences(facets?.launchedBy, isExact, (one) => one.user.id === me.id) }] : []),
    ...others.map(({ user, count: number }) => ({ value: user.id, label: user.name, count: number })),
  ];
  return (
    <div className="mb-4 flex flex-col gap-3">
      <StatusTabs filters={filters} counts={counts} onChange={onChange} />
      <div role="search" aria-label="Filter the executions" className="flex flex-wrap items-center gap-2">
        <SearchField
          size="sm"
          className="w-full sm:w-64"
          label="Search by the start of an id or a label"
          placeholder="Id or label…"
          value={filters.search}
          onChange={(search) => onChange({ search })}
        />
        {/* On phones a row to scroll sideways: seven buttons one below the other would push the list away. */}
        <div className="-mx-4 flex min-w-0 items-center gap-2 overflow-x-auto px-4 py-1 max-sm:w-screen sm:-mx-1 sm:flex-wrap sm:overflow-visible sm:px-1 sm:py-0">
          <Choice label="Agent" onOpenChange={setLooking} options={agents} missing={missing} isExact={isExact} chosen={filters.agents} onChange={(value) => onChange({ agents: value })} />
          <Choice label="Type" onOpenChange={setLooking} options={types} isExact={isExact} chosen={filters.types} onChange={(value) => onChange({ types: value })} />
          <Choice
            label="Label"
            onOpenChange={setLooking}
            options={labels}
            isExact={isExact}
            chosen={filters.labels}
            onChange={(value) => onChange({ labels: value })}
            free="Find or add a label"
          />
          <Choice
            label="Failure"
            onOpenChange={setLooking}
            options={FAILURES.map((value) => ({ value, label: CATEGORY_WORDS[value] }))}
            chosen={filters.failures}
            onChange={(value) => onChange({ failures: FAILURES.filter((one) => value.includes(one)) })}
          />
          <Dates filters={filters} onChange={onChange} />
          <Choice label="Launched by" onOpenChange={setLooking} options={users} isExact={isExact} chosen={filters.users} onChange={(value) => onChange({ users: value })} />
          {isFiltered(filters) && (
            <Button look="ghost" icon={<X aria-hidden="true" />} onClick={() => onChange(NO_FILTERS)}>
              Clear
            </Button>
          )}
        </div>
      </div>
    </div>
  );
}
