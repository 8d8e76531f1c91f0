/** Where conversations begin: agents to talk to, and the conversations that there are. */
import { Bot } from 'lucide-react';
import { modelOf } from '@/api/model';
import { useWholeList } from '@/api/useWholeList';
import { useDataSet } from '@/app/ShellContext';
import { useStartConversation } from '@/app/useStartConversation';
import { Badge } from '@/components/Badge';
import { ListEnd } from '@/components/ListEnd';
import { Page } from '@/components/Page';
import { EmptyState, ErrorState, Skeleton } from '@/components/states';
import type { ConversableAgentsQuery } from '@/gql/graphql';
import { ConversationList } from './ConversationList';
import { ConversableAgentsDocument } from './documents';

export function Component() {
  const { id } = useDataSet();
  return (
    <Page title="Conversations" description="Talk to an agent. What executions said is on their own pages.">
      <div className="grid grid-cols-1 gap-8 lg:grid-cols-[minmax(0,1fr)_minmax(0,26rem)]">
        <section aria-labelledby="start" className="lg:order-2">
          <h2 id="start" className="mb-3 text-sm font-semibold">
            New conversation
          </h2>
          <StartAgents dataSetId={id} />
        </section>
        <section aria-labelledby="list">
          <h2 id="list" className="mb-3 text-sm font-semibold">
            Latest
          </h2>
          <ConversationList dataSetId={id} />
        </section>
      </div>
    </Page>
  );
}

const agentsOf = (data: ConversableAgentsQuery) => data.agents;

function StartAgents({ dataSetId }: { dataSetId: string }) {
  const { data, nodes, missing, error, reload } = useWholeList({ query: ConversableAgentsDocument, variables: { dataSetId }, listOf: agentsOf });
  const { begin, starting } = useStartConversation(dataSetId);

  if (error && !data) return <ErrorState error={error} onRetry={reload} />;
  const agents = nodes.filter((agent) => agent.viewerCan.converse);
  if (!data || (agents.length === 0 && missing === 'coming')) {
    return (
      <div role="status" aria-label="Loading agents" className="grid grid-cols-1 gap-2">
        <Skeleton className="h-20" />
        <Skeleton className="h-20" />
      </div>
    );
  }
  if (agents.length === 0 && missing === 'nothing') {
    return (
      <EmptyState icon={<Bot aria-hidden="true" />} title="No agent to talk to">
        The agents of this data set are retired, or there are none.
      </EmptyState>
    );
  }
  return (
    <>
      <ul className="grid grid-cols-1 gap-2">
        {agents.map((agent) => (
          <li key={agent.id}>
            <button
              type="button"
              aria-busy={starting === agent.id || undefined}
              onClick={() => void begin(agent.id)}
              className="card flex w-full items-start gap-3 p-3 text-left hover:border-line-strong hover:bg-hover"
            >
              <span aria-hidden="true" className="flex size-8 shrink-0 items-center justify-center rounded-lg bg-accent-soft text-accent-text">
                <Bot className="size-4" />
              </span>
              <span className="min-w-0 flex-1">
                <span className="flex flex-wrap items-center gap-2 text-sm font-medium">
                  {agent.name}
                  {modelOf(agent) && <Badge title="The model that answers">{modelOf(agent)}</Badge>}
                </span>
                <span className="mt-0.5 block text-xs text-muted">{agent.description ?? agent.agentType?.description}</span>
              </span>
            </button>
          </li>
        ))}
      </ul>
      <ListEnd missing={missing} />
    </>
  );
}
