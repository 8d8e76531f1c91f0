/** Launches an execution: which agent, which kind of work, with what. */
import { BookOpen, Bot, CirclePlay, ListChecks, Unplug } from 'lucide-react';
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { useClient, useMutation, useQuery } from 'urql';
import { randomKey } from '@/api/id';
import type { JsonValue } from '@/api/json';
import { paths } from '@/app/paths';
import { useDataSet } from '@/app/ShellContext';
import { Button, ButtonLink } from '@/components/Button';
import { Field, Input } from '@/components/Field';
import { Menu, MenuItem } from '@/components/Menu';
import { Page } from '@/components/Page';
import { EmptyState, ErrorState, errorWords, Notice, Skeleton } from '@/components/states';
import { Tabs } from '@/components/Tabs';
import { TagInput } from '@/components/TagInput';
import { toast } from '@/components/toast';
import { DropZone } from '@/files/DropZone';
import { useFiles } from '@/files/files';
import { InputForm } from '@/form/InputForm';
import { JsonInput } from '@/form/JsonInput';
import { type Issue, placeOf, placeWords, standing } from '@/form/issues';
import type { LaunchFromQuery, LaunchMutation, LaunchTypesQuery } from '@/gql/graphql';
import { Cards } from './Cards';
import { CheckInputDocument, LaunchAgentsDocument, LaunchDocument, LaunchFromDocument, LaunchTypesDocument } from './operations';

type Type = NonNullable<LaunchTypesQuery['agent']>['executionTypes'][number];
type Refusal = LaunchMutation['launchExecution']['errors'][number];
type From = NonNullable<LaunchFromQuery['execution']>;

export function Component() {
  const { id: dataSetId } = useDataSet();
  const [search, setSearch] = useSearchParams();
  const from = search.get('from') ?? undefined;
  const [agents, reloadAgents] = useQuery({ query: LaunchAgentsDocument, variables: { dataSetId }, requestPolicy: 'cache-and-network' });
  const [source] = useQuery({ query: LaunchFromDocument, variables: { id: from ?? '' }, pause: !from });
  const origin = from ? (source.data?.execution ?? undefined) : undefined;

  const offered = (agents.data?.agents.nodes ?? []).filter((agent) => agent.viewerCan.launch);
  const wanted = search.get('agent') ?? origin?.agent.id;
  const agent = offered.find((one) => one.id === wanted) ?? (offered.length === 1 ? offered[0] : undefined);

  const [types, reloadTypes] = useQuery({
    query: LaunchTypesDocument,
    variables: { agentId: agent?.id ?? '' },
    pause: !agent,
    requestPolicy: 'cache-and-network',
  });
  const known = types.data?.agent?.id === agent?.id ? types.data?.agent : undefined;
  const wantedType = search.get('type') ?? (origin && origin.agent.id === agent?.id ? origin.executionKey : undefined);
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
          <ErrorState error={agents.error} onRetry={() => reloadAgents({ requestPolicy: 'network-only' })} />
        </div>
      ) : agents.data && offered.length === 0 ? (
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
          <Step number={1} title="Agent" done={agent !== undefined}>
            {agents.data ? (
              <Cards
                label="Agent"
                value={agent?.id}
                onChange={(id) => choose({ agent: id, type: undefined })}
                cards={offered.map((one) => ({ value: one.id, title: one.name, description: one.description }))}
              />
            ) : (
              <CardSkeletons />
            )}
          </Step>
          <Step number={2} title="Kind of work" done={type !== undefined}>
            {!agent ? (
              <p className="text-sm text-muted">{agents.data ? 'Choose an agent first.' : ' '}</p>
            ) : types.error && !known ? (
              <ErrorState error={types.error} onRetry={() => reloadTypes({ requestPolicy: 'network-only' })} />
            ) : known ? (
              known.executionTypes.length > 0 ? (
                <Cards
                  label="Kind of work"
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
            {agent && known && type && !(from && source.fetching && !source.data) ? (
              <InputStep
                key={`${agent.id} ${type.key} ${type.schemaVersion} ${origin?.id ?? ''}`}
                agentId={agent.id}
                type={type}
                rules={known.acceptsFiles ? (type.fileRules ?? known.fileRules) : null}
                origin={origin && origin.executionKey === type.key ? origin : undefined}
                onStale={() => reloadTypes({ requestPolicy: 'network-only' })}
              />
            ) : (
              <p className="text-sm text-muted">{agent && known ? 'Choose the kind of work first.' : ' '}</p>
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

function InputStep({
  agentId,
  type,
  rules,
  origin,
  onStale,
}: {
  agentId: string;
  type: Type;
  rules: Type['fileRules'];
  origin: From | undefined;
  onStale: () => void;
}) {
  const { id: dataSetId } = useDataSet();
  const navigate = useNavigate();
  const client = useClient();
  const [{ fetching }, launch] = useMutation(LaunchDocument);
  const [value, setValue] = useState<JsonValue>(origin?.input ?? {});
  // A new drawing of the form, for values that do not come from its own fields.
  const [drawing, setDrawing] = useState(0);
  const [view, setView] = useState('form');
  const [broken, setBroken] = useState(false);
  const [labels, setLabels] = useState<string[]>(origin?.labels ?? []);
  const [ttl, setTtl] = useState('');
  const [maxDuration, setMaxDuration] = useState('');
  const [issues, setIssues] = useState<readonly Issue[]>([]);
  const [refusals, setRefusals] = useState<readonly Refusal[]>([]);
  const [failure, setFailure] = useState<string>();
  /** Where the reader is to be taken. */
  const [sought, setSought] = useState<{ issue: Issue | undefined }>();
  const [checked, setChecked] = useState(false);
  // One for the form, so that a second press, or one after a cut, finds the first one's execution.
  const [key, setKey] = useState(randomKey);
  const { files, add, remove, retry, keep, refuse } = useFiles(agentId);
  const summary = useRef<HTMLDivElement>(null);
  const leaving = useRef(false);

  const stored = origin?.files;
  useEffect(() => {
    if (stored && stored.length > 0) keep(stored);
  }, [stored, keep]);

  const edit = useCallback(
    (next: JsonValue) => {
      setChecked(false);
      setIssues((all) => standing(all, value, next));
      setValue(next);
    },
    [value],
  );
  const replace = (next: JsonValue) => {
    edit(next);
    setIssues([]);
    setDrawing((one) => one + 1);
  };
  const uploading = files.some((file) => file.state === 'uploading');

  /** Shows what is wrong, and takes the reader to the first of it. */
  const show = (found: readonly Issue[]) => {
    setIssues(found);
    setSought({ issue: view === 'form' ? found[0] : undefined });
  };
  // While the launch is on its way the fields are disabled, and take no focus.
  useEffect(() => {
    if (!sought || fetching) return;
    const field = sought.issue && fieldOf(sought.issue);
    (field ?? summary.current)?.focus();
  }, [sought, fetching]);

  const submit = async () => {
    if (leaving.current || fetching) return;
    setRefusals([]);
    setFailure(undefined);
    const { data, error } = await launch({
      input: {
        agentId,
        executionKey: type.key,
        input: value,
        fileIds: files.flatMap((file) => (file.stored ? [file.stored.id] : [])),
        labels,
        ttlSeconds: seconds(ttl),
        maxDurationSeconds: seconds(maxDuration),
        expectedSchemaVersion: type.schemaVersion,
        idempotency: { key },
      },
    });
    const payload = data?.launchExecution;
    if (payload?.execution) {
      leaving.current = true;
      toast('Launched');
      void navigate(paths.execution(dataSetId, payload.execution.id));
      return;
    }
    if (error || !payload) {
      setFailure(error ? `${errorWords(error).title}. ${errorWords(error).detail}` : 'The server gave no answer.');
      requestAnimationFrame(() => summary.current?.focus());
      return;
    }
    const others = payload.errors.filter((one) => one.__typename !== 'InputValidationError');
    for (const one of others) {
      if (one.__typename === 'FileRejectedError' && one.index !== null) refuse(one.index, one.message);
    }
    setRefusals(others);
    show(payload.errors.flatMap((one) => (one.__typename === 'InputValidationError' ? one.issues : [])));
  };

  const check = async () => {
    setRefusals([]);
    setFailure(undefined);
    const { data, error } = await client
      .query(
        CheckInputDocument,
        { agentId, executionKey: type.key, input: value, schemaVersion: type.schemaVersion },
        { requestPolicy: 'network-only' },
      )
      .toPromise();
    if (error || !data) {
      setFailure(error ? errorWords(error).detail : 'The server gave no answer.');
      return;
    }
    const { valid, issues: found, errors } = data.validateExecutionInput;
    setChecked(valid);
    if (valid) setIssues([]);
    else {
      setFailure(errors.map((one) => one.message).join(' ') || undefined);
      show(found);
    }
  };

  // Those of the whole, and of places that the form draws no field for.
  const loose = useMemo(() => issues.filter((issue) => placeOf(issue).length === 0), [issues]);
  const hasProperties = type.inputSchema !== null;

  return (
    <form
      noValidate
      className="flex flex-col gap-6"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <div ref={summary} tabIndex={-1} className="flex flex-col gap-2 outline-none empty:hidden">
        {failure && <Notice>{failure}</Notice>}
        {refusals.map((one) => (
          <RefusalNotice
            key={one.message}
            refusal={one}
            dataSetId={dataSetId}
            onStale={onStale}
            onAnew={() => {
              setKey(randomKey());
              setRefusals([]);
            }}
          />
        ))}
        {issues.length > 0 && (
          <Notice>
            {issues.length === 1 ? 'One thing in the input has to be put right: ' : `${issues.length} things in the input have to be put right: `}
            {issues.slice(0, 5).map((issue, at) => (
              <span key={`${issue.pointer} ${issue.property} ${issue.message}`}>
                {at > 0 && ', '}
                {placeWords(issue, type.inputSchema) ? (
                  <button
                    type="button"
                    className="rounded underline underline-offset-2"
                    onClick={() => {
                      setView('form');
                      requestAnimationFrame(() => fieldOf(issue)?.focus());
                    }}
                  >
                    {placeWords(issue, type.inputSchema)}
                  </button>
                ) : (
                  issue.message
                )}
              </span>
            ))}
            {issues.length > 5 && ' and more'}
          </Notice>
        )}
        {loose.length > 0 && <span className="sr-only">{loose.map((issue) => issue.message).join(' ')}</span>}
      </div>

      {/* What gets the focus comes to stand above the bar with the buttons. */}
      <div className="card p-4 sm:p-5 [&_:is(input,select,textarea,button)]:scroll-mb-24">
        <Tabs
          label="Input"
          value={view}
          onChange={(next) => {
            // Text that is no JSON has no form.
            if (next === 'form' && broken) return;
            setView(next);
          }}
          tabs={[
            {
              key: 'form',
              label: 'Form',
              content: hasProperties && (
                <InputForm key={drawing} schema={type.inputSchema} value={value} issues={issues} disabled={fetching} onChange={edit} />
              ),
            },
            {
              key: 'json',
              label: 'JSON',
              content: (
                <JsonInput key={drawing} value={value} issues={issues} disabled={fetching} onChange={edit} onBroken={setBroken} />
              ),
            },
          ]}
          trailing={
            type.examples.length > 0 && (
              <Menu
                align="end"
                className="w-72"
                trigger={
                  <Button size="sm" look="ghost" icon={<BookOpen aria-hidden="true" />}>
                    Examples
                  </Button>
                }
              >
                {type.examples.map((example) => (
                  <MenuItem key={example.name} onSelect={() => replace(example.input)}>
                    <span className="min-w-0">
                      <span className="block truncate">{example.name}</span>
                      {example.description && <span className="block text-xs text-muted">{example.description}</span>}
                    </span>
                  </MenuItem>
                ))}
              </Menu>
            )
          }
        />
      </div>

      {rules && (
        <section aria-labelledby="files-heading">
          <h3 id="files-heading" className="mb-2 text-sm font-medium">
            Files
          </h3>
          <DropZone files={files} rules={rules} onAdd={(chosen) => add(chosen, rules)} onRemove={remove} onRetry={retry} />
        </section>
      )}

      <details className="card group">
        <summary className="rounded-lg px-4 py-3 text-sm font-medium select-none">
          Labels and limits
          {labels.length > 0 && <span className="ml-2 text-xs font-normal text-muted">{labels.join(', ')}</span>}
        </summary>
        <div className="grid gap-4 border-t p-4 sm:grid-cols-2">
          <Field label="Labels" hint="To find it again. Enter ends one." className="sm:col-span-2">
            {(control) => <TagInput {...control} value={labels} onChange={setLabels} maxLength={100} />}
          </Field>
          <Field label="Give up in the queue after, seconds" hint="Expired, if no worker took it by then.">
            {(control) => <Input {...control} type="number" min={1} inputMode="numeric" value={ttl} onChange={(event) => setTtl(event.target.value)} />}
          </Field>
          <Field label="Give up running after, seconds" hint="Timed out, if it is not done by then.">
            {(control) => (
              <Input {...control} type="number" min={1} inputMode="numeric" value={maxDuration} onChange={(event) => setMaxDuration(event.target.value)} />
            )}
          </Field>
        </div>
      </details>

      <div className="sticky bottom-0 z-20 -mx-4 flex flex-wrap items-center justify-end gap-2 border-t bg-bg/95 px-4 py-3 backdrop-blur-sm sm:-mx-6 sm:px-6">
        <span role="status" className="mr-auto text-sm text-muted">
          {uploading ? 'Files are on their way up…' : checked ? 'The input is right.' : ''}
        </span>
        <Button icon={<ListChecks aria-hidden="true" />} disabled={broken || fetching} onClick={() => void check()}>
          Check
        </Button>
        <Button look="primary" type="submit" busy={fetching} disabled={broken || uploading} icon={<CirclePlay aria-hidden="true" />}>
          Launch
        </Button>
      </div>
    </form>
  );
}

function RefusalNotice({
  refusal,
  dataSetId,
  onStale,
  onAnew,
}: {
  refusal: Refusal;
  dataSetId: string;
  onStale: () => void;
  onAnew: () => void;
}) {
  if (refusal.__typename === 'SchemaVersionConflictError')
    return (
      <Notice action={<Button size="sm" onClick={onStale}>Draw the form anew</Button>}>
        The fields have changed since this form was drawn.
      </Notice>
    );
  if (refusal.__typename === 'IdempotencyConflictError')
    return (
      <Notice
        action={
          <>
            {refusal.existing && (
              <ButtonLink size="sm" to={paths.execution(dataSetId, refusal.existing.id)}>
                Open it
              </ButtonLink>
            )}
            <Button size="sm" onClick={onAnew}>
              Launch another
            </Button>
          </>
        }
      >
        This form has launched an execution already, with another input.
      </Notice>
    );
  return <Notice>{refusal.message}</Notice>;
}

/** The control that an issue means, or the nearest around it that takes the focus. */
function fieldOf(issue: Issue): HTMLElement | null {
  const place = placeOf(issue);
  for (let length = place.length; length > 0; length -= 1) {
    const id = ['input', ...place.slice(0, length)].join('_');
    const add = document.getElementById(`${id}__add`);
    const field = document.getElementById(id);
    // A list that misses items is put right by its button.
    if (length === place.length && add) return add;
    if (field) return field;
  }
  return null;
}

function seconds(text: string): number | undefined {
  const value = Number.parseInt(text, 10);
  return Number.isNaN(value) ? undefined : value;
}
