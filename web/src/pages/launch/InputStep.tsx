/** The third step: the input, files, labels and limits, and the launch itself. */
import { BookOpen, CirclePlay, ListChecks } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { useNavigate } from 'react-router';
import { useClient, useMutation } from 'urql';
import { randomKey } from '@/api/id';
import type { JsonValue } from '@/api/json';
import { useUnloadWarning } from '@/api/unsent';
import { paths } from '@/app/paths';
import { useDataSet } from '@/app/ShellContext';
import { Button } from '@/components/Button';
import { Field, Input } from '@/components/Field';
import { Menu, MenuItem } from '@/components/Menu';
import { errorWords, Notice } from '@/components/states';
import { TagInput } from '@/components/TagInput';
import { toast } from '@/components/toast';
import { DropZone } from '@/files/DropZone';
import { held, leftOf, useFiles } from '@/files/files';
import { IssuesNotice } from '@/form/IssuesNotice';
import { SchemaInput } from '@/form/SchemaInput';
import { useSchemaInput } from '@/form/useSchemaInput';
import type { LaunchFromQuery, LaunchTypesQuery } from '@/gql/graphql';
import { type AsideField, fieldOf, MOST, seconds, useAside } from './aside';
import { type KeptLaunch, keptLaunch } from './kept';
import { CheckInputDocument, LaunchDocument } from './operations';
import { type Refusal, RefusalNotice } from './RefusalNotice';

export type Type = NonNullable<LaunchTypesQuery['agent']>['executionTypes'][number];
export type From = NonNullable<LaunchFromQuery['execution']>;

interface Props {
  agentId: string;
  type: Type;
  rules: Type['fileRules'];
  origin: From | undefined;
  onStale: () => void;
}

/** Another agent or type is another form; going back to one finds it as it was left. */
export function InputStep({ userId, ...props }: Props & { userId: string }) {
  const { id: dataSetId } = useDataSet();
  const { agentId, type, origin } = props;
  const [drawing, setDrawing] = useState(0);
  const place = `${dataSetId} ${origin?.id ?? ''}`;
  const what = `${agentId} ${type.key}`;
  return (
    <Kept
      key={`${place} ${what} ${drawing}`}
      {...props}
      read={() => keptLaunch(userId, place, what)}
      onAnew={() => setDrawing((one) => one + 1)}
    />
  );
}

/** What was filled in before is there again, for as long as the tab is open. */
function Kept({ read, onAnew, ...props }: Props & { read: () => KeptLaunch; onAnew: () => void }) {
  const [kept] = useState(read);
  const { input, aside } = kept.before;
  return (
    <>
      {(input || aside) && (
        <div className="mb-4">
          <Notice
            tone="run"
            action={
              <Button
                size="sm"
                onClick={() => {
                  kept.write({});
                  onAnew();
                }}
              >
                Start over
              </Button>
            }
          >
            What you had filled in is here again. It was not launched.
          </Notice>
        </div>
      )}
      <Filled {...props} kept={kept} />
    </>
  );
}

function Filled({ agentId, type, rules, origin, onStale, kept }: Props & { kept: KeptLaunch }) {
  const { id: dataSetId } = useDataSet();
  const navigate = useNavigate();
  const client = useClient();
  const [{ fetching }, launch] = useMutation(LaunchDocument);
  const summary = useRef<HTMLDivElement>(null);
  const { input: before, aside: beforeAside } = kept.before;
  const begun = held(origin?.files ?? []);
  const input = useSchemaInput(origin?.input ?? {}, summary, fetching, before);
  const [labels, setLabels] = useState<string[]>(beforeAside?.labels ?? origin?.labels ?? []);
  const [ttl, setTtl] = useState(beforeAside?.ttl ?? '');
  const [maxDuration, setMaxDuration] = useState(beforeAside?.maxDuration ?? '');
  const [refusals, setRefusals] = useState<readonly Refusal[]>([]);
  const [failure, setFailure] = useState<string>();
  /** The value that the server found right. */
  const [checked, setChecked] = useState<JsonValue>();
  // One for the form, so that a second press, or one after a cut, finds the first one's execution.
  const [key, setKey] = useState(() => before?.key ?? randomKey());
  const { files, chosen } = useFiles(before?.files ?? begun);
  const leaving = useRef(false);

  const left = JSON.stringify(leftOf(files));
  const isFilledIn = input.isFilledIn || left !== JSON.stringify(begun);
  const isAsideFilledIn = ttl !== '' || maxDuration !== '' || labels.join() !== (origin?.labels ?? []).join();
  useUnloadWarning(isFilledIn || isAsideFilledIn);
  const fold = useRef<HTMLDetailsElement>(null);
  const aside = useAside(fold, fetching);
  const { value, broken } = input;
  useEffect(() => {
    if (leaving.current) return;
    kept.write({
      input: isFilledIn ? { value, broken, key, files: leftOf(files) } : undefined,
      aside: isAsideFilledIn ? { labels, ttl, maxDuration } : undefined,
    });
  }, [kept, isFilledIn, value, broken, key, files, isAsideFilledIn, labels, ttl, maxDuration]);

  const uploading = files.some((file) => file.state === 'uploading');

  const errorAt = (field: AsideField) => aside.errors[field] ?? refusals.find((one) => fieldOf(one) === field)?.message;
  const general = refusals.filter((one) => fieldOf(one) === undefined);

  const submit = async () => {
    if (leaving.current || fetching) return;
    setRefusals([]);
    setFailure(undefined);
    const limits = { ttlSeconds: seconds(ttl, MOST.ttlSeconds), maxDurationSeconds: seconds(maxDuration, MOST.maxDurationSeconds) };
    const errors = Object.fromEntries(Object.entries(limits).flatMap(([field, { error }]) => (error ? [[field, error]] : [])));
    aside.show(errors);
    if (Object.keys(errors).length > 0) return;
    const missing = rules && files.find((file) => file.state === 'failed');
    if (missing) {
      // It would be launched without a file that somebody meant to give it.
      setFailure(`${missing.filename} did not go up: try it again, or remove it.`);
      input.toSummary();
      return;
    }
    const { data, error } = await launch({
      input: {
        agentId,
        executionKey: type.key,
        input: input.value,
        fileIds: rules ? files.flatMap((file) => (file.stored ? [file.stored.id] : [])) : [],
        labels,
        ttlSeconds: limits.ttlSeconds.value,
        maxDurationSeconds: limits.maxDurationSeconds.value,
        expectedSchemaVersion: type.schemaVersion,
        idempotency: { key },
      },
    });
    const payload = data?.launchExecution;
    if (payload?.execution) {
      leaving.current = true;
      kept.write({});
      toast('Launched');
      void navigate(paths.execution(dataSetId, payload.execution.id));
      return;
    }
    if (error || !payload) {
      setFailure(error ? `${errorWords(error).title}. ${errorWords(error).detail}` : 'The server gave no answer.');
      input.toSummary();
      return;
    }
    const others = payload.errors.filter((one) => one.__typename !== 'InputValidationError');
    for (const one of others) {
      if (one.__typename === 'FileRejectedError' && one.index !== null) chosen.refuse(one.index, one.message);
    }
    setRefusals(others);
    const issues = payload.errors.flatMap((one) => (one.__typename === 'InputValidationError' ? one.issues : []));
    if (others.some((one) => fieldOf(one) === undefined)) input.toSummary();
    else if (others.length > 0 && issues.length === 0) aside.open();
    input.show(issues);
  };

  const check = async () => {
    setRefusals([]);
    setFailure(undefined);
    const { data, error } = await client
      .query(
        CheckInputDocument,
        { agentId, executionKey: type.key, input: input.value, schemaVersion: type.schemaVersion },
        { requestPolicy: 'network-only' },
      )
      .toPromise();
    if (error || !data) {
      setFailure(error ? `It could not be checked. ${errorWords(error).title}. ${errorWords(error).detail}` : 'The server gave no answer.');
      input.toSummary();
      return;
    }
    const { valid, issues: found, errors } = data.validateExecutionInput;
    const others = errors.map((one) => one.message).join(' ');
    if (valid) setChecked(input.value);
    else if (others) {
      setFailure(others);
      input.toSummary();
    }
    input.show(found);
  };

  return (
    <form
      noValidate
      className="flex flex-col gap-6"
      // Enter ends what one writes in many a field: a launch costs money, and takes its button, or Ctrl and Enter.
      onSubmit={(event) => event.preventDefault()}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || event.nativeEvent.isComposing) return;
        event.preventDefault();
        if (!input.isBroken && !uploading) void submit();
      }}
    >
      <div ref={summary} tabIndex={-1} className="flex flex-col gap-2 outline-none empty:hidden">
        {failure && <Notice>{failure}</Notice>}
        {general.map((one) => (
          <RefusalNotice
            key={one.message}
            refusal={one}
            dataSetId={dataSetId}
            onStale={() => {
              // What was filled in stays, and is judged by the fields that there are now.
              setRefusals([]);
              onStale();
            }}
            onAnew={() => {
              setKey(randomKey());
              setRefusals([]);
            }}
          />
        ))}
        <IssuesNotice what="input" schema={type.inputSchema} input={input} />
      </div>

      {/* What gets the focus comes to stand above the bar with the buttons. */}
      <div className="card p-4 sm:p-5 [&_:is(input,select,textarea,button)]:scroll-mb-24">
        <SchemaInput
          label="Input"
          schema={type.inputSchema}
          input={input}
          disabled={fetching}
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
                  <MenuItem key={example.name} onSelect={() => input.replace(example.input)}>
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

      {!rules && files.length > 0 && (
        <Notice tone="wait">{`This takes no files: ${files.map((file) => file.filename).join(', ')} will not go along.`}</Notice>
      )}
      {rules && (
        <section aria-labelledby="files-heading">
          <h3 id="files-heading" className="mb-2 text-sm font-medium">
            Files
          </h3>
          <DropZone
            files={files}
            rules={rules}
            onAdd={(added) => chosen.add(added, rules, agentId)}
            onRemove={(one) => chosen.remove(one)}
            onRetry={(file) => chosen.retry(file, agentId)}
          />
        </section>
      )}

      <details ref={fold} className="card group" open={aside.isOpen} onToggle={(event) => aside.setOpen(event.currentTarget.open)}>
        <summary className="rounded-lg px-4 py-3 text-sm font-medium select-none">
          Labels and limits
          {labels.length > 0 && <span className="ml-2 text-xs font-normal text-muted">{labels.join(', ')}</span>}
        </summary>
        {/* What gets the focus comes to stand above the bar with the buttons. */}
        <div className="grid gap-4 border-t p-4 sm:grid-cols-2 [&_input]:scroll-mb-24">
          <Field label="Labels" hint="To find it again. Enter ends one." error={errorAt('labels')} className="sm:col-span-2">
            {(control) => <TagInput {...control} value={labels} onChange={setLabels} maxLength={100} />}
          </Field>
          <Field label="Give up in the queue after, seconds" hint="Expired, if no worker took it by then." error={errorAt('ttlSeconds')}>
            {(control) => <Input {...control} type="number" min={1} inputMode="numeric" value={ttl} onChange={(event) => setTtl(event.target.value)} />}
          </Field>
          <Field label="Give up running after, seconds" hint="Timed out, if it is not done by then." error={errorAt('maxDurationSeconds')}>
            {(control) => (
              <Input {...control} type="number" min={1} inputMode="numeric" value={maxDuration} onChange={(event) => setMaxDuration(event.target.value)} />
            )}
          </Field>
        </div>
      </details>

      <div className="sticky bottom-0 z-20 -mx-4 flex flex-wrap items-center justify-end gap-2 border-t bg-bg/95 px-4 py-3 backdrop-blur-sm sm:-mx-6 sm:px-6">
        <span role="status" className="mr-auto text-sm text-muted">
          {uploading ? 'Files are on their way up…' : checked === input.value ? 'The input is right.' : ''}
        </span>
        <Button icon={<ListChecks aria-hidden="true" />} disabled={input.isBroken || fetching} onClick={() => void check()}>
          Check
        </Button>
        <Button
          look="primary"
          title="Ctrl and Enter launches, too"
          aria-keyshortcuts="Control+Enter Meta+Enter"
          busy={fetching}
          disabled={input.isBroken || uploading}
          icon={<CirclePlay aria-hidden="true" />}
          onClick={() => void submit()}
        >
          Launch
        </Button>
      </div>
    </form>
  );
}
