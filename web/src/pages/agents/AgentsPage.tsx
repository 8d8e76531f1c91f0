/** The agents of the data set: what each can do, and a new one for admins. */
import { Bot, CirclePlay, Paperclip, Plus } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import { useQuery } from 'urql';
import { modelOf } from '@/api/model';
import { paths } from '@/app/paths';
import { useDataSet } from '@/app/ShellContext';
import { Badge } from '@/components/Badge';
import { Button, ButtonLink } from '@/components/Button';
import { Checkbox } from '@/components/Field';
import { Page } from '@/components/Page';
import { EmptyState, ErrorState, Skeleton } from '@/components/states';
import type { AgentsQuery } from '@/gql/graphql';
import { AgentsDocument } from './documents';

// With the forms: more than the whole page, and most never open it.
const AgentDialog = lazy(() => import('./AgentDialog'));

const PAGE = 50;

export function Component() {
  const { id, dataSet } = useDataSet();
  const [search, setSearch] = useSearchParams();
  const includeRetired = search.get('retired') === 'true';
  const [isCreating, setCreating] = useState(false);
  const [pages, setPages] = useState<(string | null)[]>([null]);
  return (
    <Page
      title="Agents"
      description="What works on this data set. Each is made from an agent type, which brings prompts, tools and execution types."
      actions={
        <>
          <Checkbox
            label="Show retired"
            checked={includeRetired}
            onChange={(event) => {
              setPages([null]);
              setSearch(event.target.checked ? { retired: 'true' } : {}, { replace: true });
            }}
          />
          {dataSet?.viewerCan.manageAgents && (
            <Button look="primary" icon={<Plus aria-hidden="true" />} onClick={() => setCreating(true)}>
              New agent
            </Button>
          )}
        </>
      }
    >
      <ul aria-label="Agents" className="grid grid-cols-1 gap-4 sm:grid-cols-2 xl:grid-cols-3 min-[120rem]:grid-cols-4">
        {pages.map((after, index) => (
          <AgentCards
            key={after ?? 'first'}
            dataSetId={id}
            includeRetired={includeRetired}
            after={after}
            onMore={index === pages.length - 1 ? (cursor) => setPages((known) => [...known, cursor]) : undefined}
          />
        ))}
      </ul>
      <Suspense>{isCreating && <AgentDialog dataSetId={id} onClose={() => setCreating(false)} />}</Suspense>
    </Page>
  );
}

function AgentCards({
  dataSetId,
  includeRetired,
  after,
  onMore,
}: {
  dataSetId: string;
  includeRetired: boolean;
  after: string | null;
  onMore: ((cursor: string) => void) | undefined;
}) {
  const [{ data, error }, reload] = useQuery({
    query: AgentsDocument,
    variables: { dataSetId, includeRetired, first: PAGE, after },
    requestPolicy: 'cache-and-network',
  });
  if (error && !data) {
    return (
      <li className="col-span-full">
        <ErrorState error={error} onRetry={() => reload({ requestPolicy: 'network-only' })} />
      </li>
    );
  }
  if (!data) {
    return [1, 2, 3, 4].map((place) => (
      <li key={place} className="card h-40 p-4">
        <Skeleton className="h-5 w-40" />
        <Skeleton className="mt-3 h-10" />
      </li>
    ));
  }
  const { nodes, pageInfo } = data.agents;
  if (nodes.length === 0 && after === null) {
    return (
      <li className="col-span-full">
        <EmptyState icon={<Bot aria-hidden="true" />} title="No agents yet">
          An admin of the data set makes them.
        </EmptyState>
      </li>
    );
  }
  return (
    <>
      {nodes.map((agent) => (
        <AgentCard key={agent.id} agent={agent} dataSetId={dataSetId} />
      ))}
      {onMore && pageInfo.hasNextPage && (
        <li className="col-span-full text-center">
          <Button onClick={() => pageInfo.endCursor && onMore(pageInfo.endCursor)}>Show more</Button>
        </li>
      )}
    </>
  );
}

type Agent = AgentsQuery['agents']['nodes'][number];

function AgentCard({ agent, dataSetId }: { agent: Agent; dataSetId: string }) {
  return (
    <li className="card relative flex min-h-40 flex-col gap-2 p-4 transition-colors hover:border-line-strong">
      <div className="flex items-center gap-2.5">
        <span aria-hidden="true" className="flex size-8 shrink-0 items-center justify-center rounded-lg bg-accent-soft text-accent-text">
          <Bot className="size-4" />
        </span>
        <h2 className="min-w-0 flex-1 truncate font-semibold">
          {/* The whole card leads there. */}
          <Link to={paths.agent(dataSetId, agent.id)} className="after:absolute after:inset-0 after:rounded-[0.625rem] focus-visible:outline-none focus-visible:after:outline-2 focus-visible:after:outline-focus">
            {agent.name}
          </Link>
        </h2>
        {agent.retiredAt && <Badge>retired</Badge>}
        {!agent.agentType && <Badge tone="bad" title={`The agent type ${agent.agentTypeKey} is not registered`}>type missing</Badge>}
      </div>
      {agent.description && <p className="line-clamp-2 text-sm text-muted">{agent.description}</p>}
      <div className="mt-auto flex flex-wrap items-center gap-1.5 pt-1">
        {modelOf(agent) && <Badge title="The model that it runs on">{modelOf(agent)}</Badge>}
        <Badge>{agent.executionTypes.length === 1 ? '1 type' : `${agent.executionTypes.length} types`}</Badge>
        {agent.acceptsFiles && (
          <Badge title="Takes files">
            <Paperclip aria-hidden="true" /> files
          </Badge>
        )}
        {agent.viewerCan.launch && (
          <ButtonLink
            to={paths.launch(dataSetId, { agent: agent.id })}
            size="sm"
            className="relative z-10 ml-auto"
            icon={<CirclePlay aria-hidden="true" />}
            aria-label={`Launch ${agent.name}`}
          >
            Launch
          </ButtonLink>
        )}
      </div>
    </li>
  );
}
