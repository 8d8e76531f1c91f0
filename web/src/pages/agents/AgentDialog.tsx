/** Makes an agent, or changes one. What the server refuses stands on its field. */
import { type FormEvent, useEffect, useMemo, useRef, useState } from 'react';
import { useNavigate } from 'react-router';
import { useClient, useMutation, useQuery } from 'urql';
import { isObject, type JsonValue } from '@/api/json';
import { paths } from '@/app/paths';
import { Button } from '@/components/Button';
import { Dialog } from '@/components/Dialog';
import { Field, Input, Select, Textarea } from '@/components/Field';
import { errorWords, Notice } from '@/components/states';
import { toast } from '@/components/toast';
import { IssuesNotice } from '@/form/IssuesNotice';
import { SchemaInput } from '@/form/SchemaInput';
import { useSchemaInput } from '@/form/useSchemaInput';
import type { AgentQuery, CreateAgentMutation } from '@/gql/graphql';
import { AgentsDocument, AgentTypesDocument, CreateAgentDocument, UpdateAgentDocument } from './documents';
import { defaultsInWords, filledIn } from './overrides';

type Agent = NonNullable<AgentQuery['agent']>;
type Refusal = CreateAgentMutation['createAgent']['errors'][number];

/** Refusals of these stand on the field, others on top. */
const FIELDS = ['agentTypeKey', 'name', 'description'] as const;

export default function AgentDialog({ dataSetId, agent, onClose }: { dataSetId: string; agent?: Agent; onClose: () => void }) {
  const navigate = useNavigate();
  const client = useClient();
  const [{ data, error }] = useQuery({ query: AgentTypesDocument });
  const types = data?.agentTypes ?? [];
  const [agentTypeKey, setAgentTypeKey] = useState(agent?.agentTypeKey ?? '');
  const [name, setName] = useState(agent?.name ?? '');
  const [description, setDescription] = useState(agent?.description ?? '');
  /** Of the agent as it was read: someone else's change meanwhile is not written over. */
  const [expected, setExpected] = useState(agent?.updatedAt);
  const [refusals, setRefusals] = useState<readonly Refusal[]>([]);
  const [problem, setProblem] = useState<string>();
  const [{ fetching: isCreating }, create] = useMutation(CreateAgentDocument);
  const [{ fetching: isUpdating }, update] = useMutation(UpdateAgentDocument);
  const busy = isCreating || isUpdating;
  const summary = useRef<HTMLDivElement>(null);
  const configuration = useSchemaInput(agent?.configuration ?? {}, summary, busy);
  const form = useRef<HTMLFormElement>(null);

  const type = types.find((one) => one.key === agentTypeKey);
  const known = agent ? agent.agentType?.configurationSchema : type?.configurationSchema;
  const schema = useMemo(() => defaultsInWords(known ?? null), [known]);
  const overrides = configuration.view === 'form' ? filledIn(configuration.value, agent?.configuration ?? {}) : configuration.value;
  const takesConfiguration = isObject(schema) && !(isObject(schema.properties) && Object.keys(schema.properties).length === 0);
  const errorAt = (field: (typeof FIELDS)[number]) => refusals.find((one) => one.path?.includes(field))?.message;
  const general = refusals.filter(
    (one) => one.__typename !== 'InputValidationError' && !FIELDS.some((field) => one.path?.includes(field)),
  );

  // To the first field that was refused; those of the configuration are found by its own rules.
  const isGeneral = general.length > 0 || problem !== undefined;
  useEffect(() => {
    if (busy) return;
    if (isGeneral) summary.current?.focus();
    else if (refusals.some((one) => one.__typename !== 'InputValidationError'))
      form.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus();
  }, [busy, isGeneral, refusals]);

  const refuse = (errors: readonly Refusal[]) => {
    setRefusals(errors);
    configuration.show(errors.flatMap((one) => (one.__typename === 'InputValidationError' ? one.issues : [])));
  };

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy || configuration.isBroken) return;
    setRefusals([]);
    setProblem(undefined);
    if (agent) await save(agent);
    else await make();
  };

  const save = async (known: Agent) => {
    const result = await update({
      input: {
        id: known.id,
        ...(expected ? { expectedUpdatedAt: expected } : {}),
        // What was not touched is not judged anew: a model may have gone meanwhile, or the whole type.
        ...(name !== known.name ? { name } : {}),
        ...(description !== (known.description ?? '') ? { description: description.trim() || null } : {}),
        ...(same(overrides, known.configuration) ? {} : { configuration: overrides }),
      },
    });
    if (result.error) return setProblem(errorWords(result.error).detail);
    const payload = result.data?.updateAgent;
    const conflict = payload?.errors.find((one) => one.__typename === 'EditConflictError');
    if (conflict?.__typename === 'EditConflictError') {
      // Seen now: the next press means it.
      setExpected(conflict.current.updatedAt);
      return setProblem(`Someone else changed it meanwhile: it is called "${conflict.current.name}" now. Save again to write over that.`);
    }
    if (!payload?.agent) return refuse(payload?.errors ?? []);
    toast(`${payload.agent.name} is saved`);
    onClose();
  };

  const make = async () => {
    const result = await create({
      input: { dataSetId, agentTypeKey, name, description: description.trim() || null, configuration: overrides },
    });
    if (result.error) return setProblem(errorWords(result.error).detail);
    const payload = result.data?.createAgent;
    if (!payload?.agent) return refuse(payload?.errors ?? []);
    toast(`${name} is ready`);
    // The list shows it without being asked to.
    void client.query(AgentsDocument, { dataSetId, includeRetired: false, first: 50, after: null }, { requestPolicy: 'network-only' }).toPromise();
    onClose();
    void navigate(paths.agent(dataSetId, payload.agent.id));
  };

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
          <Button type="submit" form="agent" look="primary" busy={busy} disabled={configuration.isBroken}>
            {agent ? 'Save' : 'Create'}
          </Button>
        </>
      }
    >
      <form id="agent" ref={form} noValidate className="grid grid-cols-1 gap-4" onSubmit={(event) => void submit(event)}>
        <div ref={summary} tabIndex={-1} className="flex flex-col gap-2 outline-none empty:hidden">
          {problem && <Notice>{problem}</Notice>}
          {error && !data && <Notice>{`The agent types could not be read. ${errorWords(error).detail}`}</Notice>}
          {general.map((one) => (
            <Notice key={one.code}>{one.message}</Notice>
          ))}
          <IssuesNotice what="configuration" schema={schema} input={configuration} />
        </div>
        {!agent && (
          <Field label="Agent type" required hint={type?.description ?? 'Brings prompts, tools and execution types.'} error={errorAt('agentTypeKey')}>
            {(control) => (
              <Select
                {...control}
                value={agentTypeKey}
                onChange={(event) => {
                  const next = types.find((one) => one.key === event.target.value);
                  setAgentTypeKey(event.target.value);
                  configuration.replace({});
                  // A name that one can keep.
                  if (next && (name === '' || name === type?.name)) setName(next.name);
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
          {(control) => <Input {...control} maxLength={100} value={name} onChange={(event) => setName(event.target.value)} />}
        </Field>
        <Field label="Description" error={errorAt('description')}>
          {(control) => (
            <Textarea {...control} maxLength={2_000} value={description} onChange={(event) => setDescription(event.target.value)} />
          )}
        </Field>
        {takesConfiguration && (
          <fieldset className="min-w-0">
            <legend className="mb-1 text-sm font-medium">Configuration</legend>
            <p className="mb-2 text-xs text-muted">What is not set is as the agent type has it.</p>
            <SchemaInput label="Configuration" schema={schema} input={configuration} disabled={busy} />
          </fieldset>
        )}
      </form>
    </Dialog>
  );
}

const same = (one: JsonValue, other: JsonValue) => JSON.stringify(one) === JSON.stringify(other);
