/** One agent: its execution types with their schemas, its configuration, and what admins may change. */
import { ArrowLeft, CirclePlay, MessageSquare, Pencil } from 'lucide-react';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { Link, useParams } from 'react-router';
import { useMutation, useQuery } from 'urql';
import { isObject, type JsonValue } from '@/api/json';
import { modelOf } from '@/api/model';
import { NotFound } from '@/app/NotFound';
import { paths } from '@/app/paths';
import { useStartConversation } from '@/app/useStartConversation';
import { Badge } from '@/components/Badge';
import { Button, ButtonLink } from '@/components/Button';
import { Dialog } from '@/components/Dialog';
import { JsonTree } from '@/components/JsonTree';
import { Page } from '@/components/Page';
import { CATEGORY_WORDS } from '@/components/StatusPill';
import { ErrorState, errorWords, Notice, Skeleton } from '@/components/states';
import { Time } from '@/components/Time';
import { bytes } from '@/components/time';
import { toast } from '@/components/toast';
import type { AgentQuery } from '@/gql/graphql';
import { Fold } from '@/components/Fold';
import { AgentDocument, RetireAgentDocument } from './documents';

// With the forms: more than the whole page, and most never open it.
const AgentDialog = lazy(() => import('./AgentDialog'));

type Agent = NonNullable<AgentQuery['agent']>;

export function Component() {
  const { agentId = '', dataSetId = '' } = useParams();
  const [{ data, error }, reload] = useQuery({
    query: AgentDocument,
    variables: { id: agentId },
    requestPolicy: 'cache-and-network',
  });
  const [dialog, setDialog] = useState<'edit' | 'retire'>();
  if (data?.agent === null) return <NotFound what="agent" />;
  const agent = data?.agent;
  if (!agent) {
    return (
      <Page title="Agent" width="reading">
        {error ? (
          <ErrorState error={error} onRetry={() => reload({ requestPolicy: 'network-only' })} />
        ) : (
          <div role="status" aria-label="Loading the agent" className="grid grid-cols-1 gap-4">
            <Skeleton className="h-24" />
            <Skeleton className="h-64" />
          </div>
        )}
      </Page>
    );
  }
  return (
    <Page
      width="reading"
      tabTitle={agent.name}
      title={
        <span className="flex items-center gap-2">
          <Link
            to={paths.agents(dataSetId)}
            aria-label="Back to the agents"
            className="-ml-2 flex size-8 shrink-0 items-center justify-center rounded-md text-muted hover:bg-hover hover:text-text"
          >
            <ArrowLeft aria-hidden="true" className="size-4" />
          </Link>
          <span className="min-w-0 truncate">{agent.name}</span>
          {agent.retiredAt && <Badge>retired</Badge>}
        </span>
      }
      description={agent.description}
      actions={<Actions agent={agent} dataSetId={dataSetId} onDialog={setDialog} />}
    >
      {!agent.agentType && (
        <div className="mb-4">
          <Notice>
            {`Its agent type ${agent.agentTypeKey} is not registered on this server: it can run nothing, and all that it did stays readable.`}
          </Notice>
        </div>
      )}
      <div className="grid grid-cols-1 gap-6">
        <About agent={agent} />
        <Types agent={agent} dataSetId={dataSetId} />
      </div>
      <Suspense>
        {dialog === 'edit' && <AgentDialog dataSetId={dataSetId} agent={agent} onClose={() => setDialog(undefined)} />}
      </Suspense>
      {dialog === 'retire' && <RetireDialog agent={agent} onClose={() => setDialog(undefined)} />}
    </Page>
  );
}

function Actions({
  agent,
  dataSetId,
  onDialog,
}: {
  agent: Agent;
  dataSetId: string;
  onDialog: (dialog: 'edit' | 'retire') => void;
}) {
  const { begin, starting } = useStartConversation(dataSetId);
  const { viewerCan } = agent;
  return (
    <>
      {viewerCan.retire && (
        <Button look="danger" onClick={() => onDialog('retire')}>
          Retire
        </Button>
      )}
      {viewerCan.update && (
        <Button icon={<Pencil aria-hidden="true" />} onClick={() => onDialog('edit')}>
          Edit
        </Button>
      )}
      {viewerCan.converse && (
        <Button icon={<MessageSquare aria-hidden="true" />} busy={starting !== undefined} onClick={() => void begin(agent.id)}>
          Talk
        </Button>
      )}
      {viewerCan.launch && (
        <ButtonLink look="primary" icon={<CirclePlay aria-hidden="true" />} to={paths.launch(dataSetId, { agent: agent.id })}>
          Launch
        </ButtonLink>
      )}
    </>
  );
}

function Row({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="grid grid-cols-1 gap-x-4 gap-y-1 px-4 py-2.5 sm:grid-cols-[10rem_minmax(0,1fr)]">
      <dt className="text-sm text-muted">{name}</dt>
      <dd className="min-w-0 text-sm">{children}</dd>
    </div>
  );
}

function About({ agent }: { agent: Agent }) {
  const { agentType, fileRules, configuration } = agent;
  const model = modelOf(agent);
  const isConfigured = isObject(configuration) && Object.keys(configuration).length > 0;
  return (
    <dl className="card divide-y">
      <Row name="Agent type">
        {agentType ? agentType.name : agent.agentTypeKey}
        {agentType?.description && <p className="mt-0.5 text-xs text-muted">{agentType.description}</p>}
      </Row>
      {agentType && (
        <>
          <Row name="Model">
            <Badge>{model}</Badge>
            {model === 'rehearsal' ? (
              <span className="ml-2 text-xs text-muted">plays a script that comes with the type; no model is called</span>
            ) : (
              model !== agentType.model && <span className="ml-2 text-xs text-muted">{`its own choice; the type has ${agentType.model}`}</span>
            )}
          </Row>
          <Row name="Tools">
            <ul className="flex flex-wrap gap-1.5">
              {agentType.tools.map((tool) => (
                <li key={tool}>
                  <code className="rounded bg-sunken px-1.5 py-0.5 text-xs">{tool}</code>
                </li>
              ))}
            </ul>
          </Row>
        </>
      )}
      <Row name="Files">
        {fileRules
          ? `Up to ${fileRules.maxFiles} of ${bytes(fileRules.maxBytesPerFile)} each: ${fileRules.extensions.join(', ')}`
          : 'Takes none'}
      </Row>
      {isConfigured && (
        <Row name="Configuration">
          <JsonTree value={configuration} label="configuration" />
        </Row>
      )}
      <Row name="Made">
        <Time at={agent.createdAt} />
        {agent.updatedAt !== agent.createdAt && (
          <>
            , changed <Time at={agent.updatedAt} />
          </>
        )}
        {agent.retiredAt && (
          <>
            , retired <Time at={agent.retiredAt} />
          </>
        )}
      </Row>
    </dl>
  );
}

function Types({ agent, dataSetId }: { agent: Agent; dataSetId: string }) {
  if (agent.executionTypes.length === 0) return null;
  return (
    <section aria-labelledby="types">
      <h2 id="types" className="mb-3 text-base font-semibold">
        Execution types
      </h2>
      <ul className="grid grid-cols-1 gap-3">
        {agent.executionTypes.map((type) => (
          <li key={type.id} className="card p-4">
            <div className="flex flex-wrap items-start gap-3">
              <div className="min-w-0 flex-1">
                <h3 className="font-semibold">{type.name}</h3>
                <p className="text-xs text-muted">
                  <code>{type.key}</code>
                  {` · up to ${type.maxRetries + 1} ${type.maxRetries === 0 ? 'attempt' : 'attempts'} · schema ${type.schemaVersion.slice(0, 12)}`}
                </p>
                {type.description && <p className="mt-1 text-sm text-muted">{type.description}</p>}
              </div>
              {agent.viewerCan.launch && (
                <ButtonLink
                  size="sm"
                  icon={<CirclePlay aria-hidden="true" />}
                  to={paths.launch(dataSetId, { agent: agent.id, type: type.key })}
                  aria-label={`Launch ${type.name}`}
                >
                  Launch
                </ButtonLink>
              )}
            </div>
            <div className="mt-3 grid grid-cols-1 gap-2 border-t pt-3 text-sm">
              <Schema title="Input" value={type.inputSchema} />
              {type.outputSchema != null && <Schema title="Result" value={type.outputSchema} />}
              {type.examples.length > 0 && (
                <Fold summary={<Summary name="Examples" count={type.examples.length} />}>
                  {() => (
                    <ul className="mt-2 grid grid-cols-1 gap-3 pl-5">
                      {type.examples.map((example) => (
                        <li key={example.name}>
                          <p className="mb-1">
                            <strong className="font-medium">{example.name}</strong>
                            {example.description && <span className="text-muted">{` · ${example.description}`}</span>}
                          </p>
                          <JsonTree value={example.input} label={`input of ${example.name}`} />
                        </li>
                      ))}
                    </ul>
                  )}
                </Fold>
              )}
              {type.failureCodes.length > 0 && (
                <Fold summary={<Summary name="Failure codes" count={type.failureCodes.length} />}>
                  {() => (
                    <dl className="mt-2 grid grid-cols-1 gap-2 pl-5">
                      {type.failureCodes.map((one) => (
                        <div key={one.code}>
                          <dt className="flex flex-wrap items-center gap-2">
                            <code className="text-xs">{one.code}</code>
                            <Badge>{CATEGORY_WORDS[one.category]}</Badge>
                            {one.retryable && <Badge tone="run">worth a retry</Badge>}
                          </dt>
                          <dd className="text-muted">{one.description}</dd>
                        </div>
                      ))}
                    </dl>
                  )}
                </Fold>
              )}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Summary({ name, count }: { name: string; count?: number }) {
  return (
    <span className="font-medium">
      {name}
      {count !== undefined && <span className="ml-1.5 font-normal text-muted">{count}</span>}
    </span>
  );
}

/** What a schema asks for at a glance, and the whole of it below. */
function Schema({ title, value }: { title: string; value: JsonValue }) {
  const properties = isObject(value) && isObject(value.properties) ? Object.entries(value.properties) : [];
  const required = isObject(value) && Array.isArray(value.required) ? value.required : [];
  return (
    <Fold summary={<Summary name={`${title} schema`} {...(properties.length > 0 ? { count: properties.length } : {})} />}>
      {() => (
        <div className="mt-2 grid grid-cols-1 gap-3 pl-5">
          {properties.length > 0 && (
            <dl className="grid grid-cols-1 gap-2">
              {properties.map(([name, schema]) => (
                <div key={name}>
                  <dt className="flex flex-wrap items-center gap-2">
                    <code className="text-xs font-medium">{name}</code>
                    {isObject(schema) && typeof schema.type === 'string' && <Badge>{schema.type}</Badge>}
                    {required.includes(name) && <Badge tone="wait">required</Badge>}
                  </dt>
                  {isObject(schema) && typeof schema.description === 'string' && (
                    <dd className="text-muted">{schema.description}</dd>
                  )}
                </div>
              ))}
            </dl>
          )}
          <JsonTree value={value} label={`${title.toLowerCase()} schema`} openDepth={1} />
        </div>
      )}
    </Fold>
  );
}

function RetireDialog({ agent, onClose }: { agent: Agent; onClose: () => void }) {
  const [{ fetching }, retire] = useMutation(RetireAgentDocument);
  const [problem, setProblem] = useState<string>();
  const confirm = async () => {
    const result = await retire({ input: { id: agent.id } });
    if (result.data?.retireAgent.agent) {
      toast(`${agent.name} is retired`);
      onClose();
      return;
    }
    setProblem(result.data?.retireAgent.errors[0]?.message ?? (result.error ? errorWords(result.error).detail : undefined));
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Retire ${agent.name}?`}
      description="It takes no new work, for good. What is running goes on, and all that it did stays readable."
      footer={
        <>
          <Button onClick={onClose}>Keep it</Button>
          <Button look="danger" busy={fetching} onClick={() => void confirm()}>
            Retire
          </Button>
        </>
      }
    >
      {problem && <Notice>{problem}</Notice>}
    </Dialog>
  );
}
