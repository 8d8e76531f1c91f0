/** Makes an agent, or changes one. What the server refuses stands on its field. */
import { type FormEvent, useState } from 'react';
import { useNavigate } from 'react-router';
import { useClient, useMutation, useQuery } from 'urql';
import { isObject, type JsonValue } from '@/api/json';
import { paths } from '@/app/paths';
import { Button } from '@/components/Button';
import { Dialog } from '@/components/Dialog';
import { Field, Input, Select, Textarea } from '@/components/Field';
import { errorWords, Notice } from '@/components/states';
import { toast } from '@/components/toast';
import type { AgentQuery, CreateAgentMutation } from '@/gql/graphql';
import { AgentDocument, AgentsDocument, AgentTypesDocument, CreateAgentDocument, UpdateAgentDocument } from './documents';

type Agent = NonNullable<AgentQuery['agent']>;
type Refusal = CreateAgentMutation['createAgent']['errors'][number];

interface Draft {
  agentTypeKey: string;
  name: string;
  description: string;
  configuration: string;
}

export function AgentDialog({ dataSetId, agent, onClose }: { dataSetId: string; agent?: Agent; onClose: () => void }) {
  const navigate = useNavigate();
  const client = useClient();
  const [{ data }] = useQuery({ query: AgentTypesDocument });
  const types = data?.agentTypes ?? [];
  const [draft, setDraft] = useState<Draft>({
    agentTypeKey: agent?.agentTypeKey ?? '',
    name: agent?.name ?? '',
    description: agent?.description ?? '',
    configuration: JSON.stringify(agent?.configuration ?? {}, null, 2),
  });
  /** Of the agent as it was read: someone else's change meanwhile is not written over. */
  const [expected, setExpected] = useState(agent?.updatedAt);
  const [refusals, setRefusals] = useState<Refusal[]>([]);
  const [problem, setProblem] = useState<string>();
  const [{ fetching: isCreating }, create] = useMutation(CreateAgentDocument);
  const [{ fetching: isUpdating }, update] = useMutation(UpdateAgentDocument);
  const busy = isCreating || isUpdating;

  const type = types.find((one) => one.key === draft.agentTypeKey);
  const schema = agent?.agentType?.configurationSchema ?? type?.configurationSchema;
  const takesConfiguration = isObject(schema) && (isObject(schema.properties) ? Object.keys(schema.properties).length > 0 : true);
  const errorAt = (field: string) => refusals.find((one) => one.path?.includes(field))?.message;
  const set = (change: Partial<Draft>) => setDraft((known) => ({ ...known, ...change }));

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setRefusals([]);
    setProblem(undefined);
    const configuration = parse(draft.configuration);
    if (configuration === undefined) return setProblem('The configuration is not JSON.');
    const common = { name: draft.name, description: draft.description.trim() || null, configuration };
    if (agent) {
      const result = await update({ input: { id: agent.id, ...common, ...(expected ? { expectedUpdatedAt: expected } : {}) } });
      if (result.error) return setProblem(errorWords(result.error).detail);
      const payload = result.data?.updateAgent;
      const conflict = payload?.errors.find((one) => one.__typename === 'EditConflictError');
      if (conflict?.__typename === 'EditConflictError') {
        // Seen now: the next press means it.
        setExpected(conflict.current.updatedAt);
        return setProblem(
          `Someone else changed it meanwhile: it is called "${conflict.current.name}" now. Save again to write over that.`,
        );
      }
      if (!payload?.agent) return setRefusals(payload?.errors ?? []);
      toast(`${payload.agent.name} is saved`);
      return onClose();
    }
    const result = await create({ input: { dataSetId, agentTypeKey: draft.agentTypeKey, ...common } });
    if (result.error) return setProblem(errorWords(result.error).detail);
    const payload = result.data?.createAgent;
    if (!payload?.agent) return setRefusals(payload?.errors ?? []);
    toast(`${draft.name} is ready`);
    // The list shows it without being asked to.
    void client.query(AgentsDocument, { dataSetId, includeRetired: false, first: 50, after: null }, { requestPolicy: 'network-only' }).toPromise();
    void client.query(AgentDocument, { id: payload.agent.id }).toPromise();
    onClose();
    return navigate(paths.agent(dataSetId, payload.agent.id));
  };

  const issues = refusals.flatMap((one) => (one.__typename === 'InputValidationError' ? one.issues : []));
  const general = refusals.filter((one) => !one.path?.some((part) => ['name', 'description', 'agentTypeKey', 'configuration'].includes(part)));
  return (
    <Dialog
      open
      wide
      onClose={onClose}
      title={agent ? `Edit ${agent.name}` : 'New agent'}
      description={agent ? undefined : 'A configured instance of an agent type, at work in this data set.'}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" form="agent" look="primary" busy={busy}>
            {agent ? 'Save' : 'Create'}
          </Button>
        </>
      }
    >
      <form id="agent" className="grid grid-cols-1 gap-4" onSubmit={(event) => void submit(event)}>
        {problem && <Notice>{problem}</Notice>}
        {general.map((one) => (
          <Notice key={one.code}>{one.message}</Notice>
        ))}
        {!agent && (
          <Field label="Agent type" required hint={type?.description ?? 'Brings prompts, tools and execution types.'} error={errorAt('agentTypeKey')}>
            {(control) => (
              <Select
                {...control}
                required
                value={draft.agentTypeKey}
                onChange={(event) => {
                  const next = types.find((one) => one.key === event.target.value);
                  set({
                    agentTypeKey: event.target.value,
                    configuration: '{}',
                    // A name that one can keep.
                    ...(next && !draft.name ? { name: next.name } : {}),
                  });
                }}
              >
                <option value="" disabled>
                  Choose one
                </option>
                {types.map((one) => (
                  <option key={one.id} value={one.key}>
                    {one.name}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        )}
        <Field label="Name" required hint="Unique in the data set." error={errorAt('name')}>
          {(control) => (
            <Input {...control} required maxLength={100} value={draft.name} onChange={(event) => set({ name: event.target.value })} />
          )}
        </Field>
        <Field label="Description" error={errorAt('description')}>
          {(control) => (
            <Textarea {...control} maxLength={2_000} value={draft.description} onChange={(event) => set({ description: event.target.value })} />
          )}
        </Field>
        {takesConfiguration && (
          <Field
            label="Configuration"
            hint="JSON, checked against the agent type's schema."
            error={issues.length > 0 ? issues.map((one) => `${one.pointer || '/'}: ${one.message}`).join(' · ') : errorAt('configuration')}
          >
            {(control) => (
              <Textarea
                {...control}
                spellCheck={false}
                className="min-h-32 font-mono text-xs!"
                value={draft.configuration}
                onChange={(event) => set({ configuration: event.target.value })}
              />
            )}
          </Field>
        )}
      </form>
    </Dialog>
  );
}

function parse(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
