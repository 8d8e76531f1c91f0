/** Launches an execution: which agent, which execution type, with what. */
import { Bot, Unplug } from 'lucide-react';
import type { ReactNode } from 'react';
import { useSearchParams } from 'react-router';
import { useQuery } from 'urql';
import { useWholeList } from '@/api/useWholeList';
import { paths } from '@/app/paths';
import { useDataSet, useSession } from '@/app/ShellContext';
import { Button, ButtonLink } from '@/components/Button';
import { ListEnd } from '@/components/ListEnd';
import { Page } from '@/components/Page';
import { EmptyState, ErrorState, errorWords, Notice, Skeleton } from '@/components/states';
import type { LaunchAgentsQuery } from '@/gql/graphql';
import { Cards } from './Cards';
import { InputStep } from './InputStep';
import { LaunchAgentsDocument, LaunchFromDocument, LaunchTypesDocument } from './operations';

const agentsOf = (data: LaunchAgentsQuery) => data.agents;

export function Component() {
  const { id: dataSetId } = useDataSet();
  const session = useSession();
  const [search, setSearch] = useSearchParams();
  const from = search.get('from') ?? undefined;
  const agents = useWholeList({
    query: LaunchAgentsDocument,
    variables: { dataSetId },
    requestPolicy: 'cache-and-network',
    listOf: agentsOf,
  });
  // One that is on its way may be the one that is wanted, or a second to choose from.
  const isComing = agents.missing === 'coming';
  const [source, reloadSource] = useQuery({ query: LaunchFromDocument, variables: { id: from ?? '' }, pause: !from });
  const origin = from ? (source.data?.execution ?? undefined) : undefined;

  const offered = agents.nodes.filter((agent) => agent.viewerCan.launch);
  const wanted = search.get('agent') ?? origin?.agent.id;
  const agent = offered.find((one) => one.id === wanted) ?? (offered.length === 1 && !isComing ? offered[0] : undefined);

  const isGone = wanted !== undefined && agents.missing === 'nothing' && !offered.some((one) => one.id === wanted);

  const [types, reloadTypes] = useQuery({
    query: LaunchTypesDocument,
    variables: { agentId: agent?.id ?? '' },
    pause: !agent,
    requestPolicy: 'cache-and-network',
  });
  const known = types.data?.agent?.id === agent?.id ? types.data?.agent : undefined;
  // Another agent may know the type as well.
  const wantedType = search.get('type') ?? origin?.executionKey;
  const type = known?.executionTypes.find((one) => one.key === wantedType) ?? (known?.executionTypes.length === 1 ? known.executionTypes[0] : undefined);

  const choose = (change: Record<string, string | undefined>) => {
    const next = new URLSearchParams(search);
    for (const [name, value] of Object.entries(change)) {
      if (value === undefined) next.delete(name);
      else next.set(name, value);
    }
    setSearch(next, { replace: true, preventScrollReset: true });
  };

  return (
    <Page title="Launch" description={origin ? 'With the input of an earlier execution. Change what you like.' : undefined} width="reading">
      {agents.error && !agents.data ? (
        <div className="card">
          <ErrorState error={agents.error} onRetry={agents.reload} />
        </div>
      ) : agents.data && offered.length === 0 && agents.missing === 'nothing' ? (
        <div className="card">
          <EmptyState
            icon={<Bot aria-hidden="true" />}
            title="No agent can be launched here"
            action={<ButtonLink to={paths.agents(dataSetId)}>See the agents</ButtonLink>}
          >
            An admin of this data set can create one.
          </EmptyState>
        </div>
      ) : (
        <div className="flex flex-col gap-8 pb-8">
          {from && source.data && !source.data.execution && (
            <Notice tone="wait">The execution to start from is not there, or it is not yours to see.</Notice>
          )}
          {from && source.error && !source.data && (
            <Notice action={<Button size="sm" onClick={() => reloadSource({ requestPolicy: 'network-only' })}>Try again</Button>}>
              {`The execution to start from could not be read, so the form is empty. ${errorWords(source.error).title}. ${errorWords(source.error).detail}`}
            </Notice>
          )}
          {isGone && (
            <Notice tone="wait">
              {origin?.agent.id === wanted && origin.agent.retiredAt
                ? `${origin.agent.name}, which did this, is retired. Choose another agent.`
                : 'The agent that was meant is retired, or it is not yours to launch. Choose another one.'}
            </Notice>
          )}
          {known && wantedType !== undefined && !known.executionTypes.some((one) => one.key === wantedType) && (
            <Notice tone="wait">{`${known.name} has no execution type ${wantedType} any more. Choose another one.`}</Notice>
          )}
          <Step number={1} title="Agent" done={agent !== undefined}>
            {agents.data && !(isComing && offered.length === 0) ? (
              <>
                <Cards
                  label="Agent"
                  value={agent?.id}
                  onChange={(id) => choose({ agent: id, type: undefined })}
                  cards={offered.map((one) => ({ value: one.id, title: one.name, description: one.description }))}
                />
                <ListEnd missing={agents.missing} />
              </>
            ) : (
              <CardSkeletons />
            )}
          </Step>
          <Step number={2} title="Execution type" done={type !== undefined}>
            {!agent ? (
              <p className="text-sm text-muted">{agents.data ? 'Choose an agent first.' : ' '}</p>
            ) : types.error && !known ? (
              <ErrorState error={types.error} onRetry={() => reloadTypes({ requestPolicy: 'network-only' })} />
            ) : known ? (
              known.executionTypes.length > 0 ? (
                <Cards
                  label="Execution type"
                  value={type?.key}
                  onChange={(key) => choose({ agent: agent.id, type: key })}
                  cards={known.executionTypes.map((one) => ({ value: one.key, title: one.name, description: one.description }))}
                />
              ) : (
                <EmptyState icon={<Unplug aria-hidden="true" />} title="This agent can do nothing at present">
                  Its definition is not registered on this server.
                </EmptyState>
              )
            ) : (
              <CardSkeletons />
            )}
          </Step>
          <Step number={3} title="Input" done={false}>
            {agent && known && type && session && !(from && source.fetching && !source.data) ? (
              <InputStep
                userId={session.user.id}
                agentId={agent.id}
                type={type}
                rules={known.acceptsFiles ? (type.fileRules ?? known.fileRules) : null}
                origin={origin && origin.executionKey === type.key ? origin : undefined}
                onStale={() => reloadTypes({ requestPolicy: 'network-only' })}
              />
            ) : (
              <p className="text-sm text-muted">{agent && known ? 'Choose the execution type first.' : ' '}</p>
            )}
          </Step>
        </div>
      )}
    </Page>
  );
}

function Step({ number, title, done, children }: { number: number; title: string; done: boolean; children: ReactNode }) {
  return (
    <section aria-labelledby={`step-${number}`}>
      <h2 id={`step-${number}`} className="mb-3 flex items-center gap-2.5 text-base font-semibold">
        <span
          aria-hidden="true"
          className={`tabular flex size-6 items-center justify-center rounded-full text-xs ${done ? 'bg-accent text-on-accent' : 'bg-line text-muted'}`}
        >
          {number}
        </span>
        {title}
      </h2>
      {children}
    </section>
  );
}

function CardSkeletons() {
  return (
    <div role="status" aria-label="Loading" className="grid gap-2 sm:grid-cols-2">
      {[0, 1, 2, 3].map((one) => (
        <Skeleton key={one} className="h-[4.6rem]" />
      ))}
    </div>
  );
}
