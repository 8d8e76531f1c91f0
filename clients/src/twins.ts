// The polling twin of a subscription: the query that a client falls back on where no stream gets through, made from
// the subscription's own document, so that what comes out has the shape that the client selected. It goes by the
// same cursors, so a client can change over in mid-stream, either way, and miss nothing.
//
// - `executionStatus` becomes `execution(id:)`: an update whenever the revision has grown.
// - `conversationEvents` becomes `conversation(id:).events(after:)`: every stored event, none left out.
// - `executionsChanged` becomes the `streamCursor` of an empty page: a frame with `resync` whenever something changed,
//   for what changed in a set is told to streams only.
// - Any other subscription is lossy, and has no twin: it stays silent.

import {
  Kind,
  parse,
  print,
  visit,
  type ArgumentNode,
  type DocumentNode,
  type FieldNode,
  type SelectionSetNode,
} from 'graphql';
import { fieldsOf, operationOf } from './documents.ts';
import type { Operation, Result } from './types.ts';

/** What a poll brought. */
export interface Poll {
  /** To hand to the listener, in order. */
  readonly events: readonly Result[];
  /** Where the next poll, or a stream, goes on. */
  readonly cursor: string | undefined;
  /** More is there already: poll again at once. */
  readonly hasMore: boolean;
  readonly isComplete: boolean;
}

/** Polls instead of a stream. */
export interface Twin {
  /** The query that goes on behind a cursor. */
  request(after: string | undefined): Operation;
  /** What the answer to it means. Called once for each answer without errors, in order. */
  read(data: Readonly<Record<string, unknown>>, after: string | undefined): Poll;
}

/** The twin of a subscription; null where it has none. */
export function twinOf(operation: Operation): Twin | null {
  const document = parse(operation.query, { noLocation: true });
  const subscription = operationOf(document, operation.operationName);
  const [root] = fieldsOf(document, subscription.selectionSet);
  if (root === undefined) return null;
  const source: Source = { document, operation, root, key: root.alias?.value ?? root.name.value };
  switch (root.name.value) {
    case 'executionStatus':
      return statusTwin(source);
    case 'conversationEvents':
      return eventsTwin(source);
    case 'executionsChanged':
      return setTwin(source);
    default:
      return null;
  }
}

interface Source {
  readonly document: DocumentNode;
  readonly operation: Operation;
  readonly root: FieldNode;
  /** The root field's name in the answer. */
  readonly key: string;
}

/** Names of ours in the query; nobody else's begin like this. */
const AFTER = 'twinAfter';

function statusTwin(source: Source): Twin {
  const executions = fieldsOf(source.document, source.root.selectionSet).filter(
    (field) => field.name.value === 'execution',
  );
  const query = queryOf(
    source,
    `execution${args(source, 'id')} { __typename twinCursor: streamCursor twinStatus: status twinEnd: isTerminal ` +
      `twinAt: updatedAt twinRevision: revision ${inside(executions)} }`,
  );
  let seen: { revision: number; status: unknown } | undefined;
  return {
    request: () => query(undefined),
    read(data, after) {
      const found = data['twin'];
      if (!isObject(found)) return notFound(source.key);
      const { twinCursor, twinStatus, twinEnd, twinAt, twinRevision, ...execution } = found;
      const cursor = String(twinCursor);
      const revision = Number(twinRevision);
      const isNew = seen === undefined ? true : revision > seen.revision;
      const update = {
        __typename: 'ExecutionStatusUpdate',
        cursor,
        status: twinStatus,
        previousStatus: seen !== undefined && seen.status !== twinStatus ? seen.status : null,
        isTerminal: twinEnd,
        occurredAt: twinAt,
        skipped: seen === undefined ? 0 : Math.max(0, revision - seen.revision - 1),
      };
      const names = new Set(executions.map((field) => field.alias?.value ?? field.name.value));
      const copies = Object.fromEntries([...names].map((name) => [name, execution]));
      seen = { revision, status: twinStatus };
      return {
        events: isNew ? [event(source.key, { ...update, ...copies })] : [],
        cursor: isNew ? cursor : after,
        hasMore: false,
        isComplete: twinEnd === true,
      };
    },
  };
}

function eventsTwin(source: Source): Twin {
  const selection = source.root.selectionSet;
  const query = queryOf(
    source,
    `conversation${args(source, 'id')} { execution { isTerminal } events(after: $${AFTER}, first: 100) ` +
      `{ cursor hasMore events ${selection === undefined ? '{ id }' : print(selection)} } }`,
    true,
  );
  let wasOver = false;
  return {
    request: query,
    read(data, after) {
      const found = data['twin'];
      if (!isObject(found) || !isObject(found['events'])) return notFound(source.key);
      const { events, cursor, hasMore } = found['events'];
      const list = Array.isArray(events) ? events : [];
      const isOver = isObject(found['execution']) && found['execution']['isTerminal'] === true;
      // Events and end are two reads: only what was over before the events were read is complete with them.
      const isComplete = wasOver && list.length === 0 && hasMore !== true;
      wasOver = isOver;
      return {
        events: list.map((one) => event(source.key, one)),
        cursor: typeof cursor === 'string' ? cursor : after,
        hasMore: hasMore === true,
        isComplete,
      };
    },
  };
}

function setTwin(source: Source): Twin {
  const query = queryOf(source, `executions${args(source, 'filter', 'orderBy', 'first: 0')} { streamCursor }`);
  return {
    request: () => query(undefined),
    read(data, after) {
      const found = data['twin'];
      const cursor = isObject(found) ? String(found['streamCursor']) : after;
      const frame = {
        __typename: 'ExecutionsChange',
        cursor,
        resync: true,
        changes: [],
        totalCount: null,
        statusCounts: null,
      };
      return {
        events: cursor === after ? [] : [event(source.key, frame)],
        cursor,
        hasMore: false,
        isComplete: false,
      };
    },
  };
}

const event = (key: string, value: unknown): Result => ({ data: { [key]: value } });

const notFound = (key: string): Poll => ({
  events: [{ data: null, errors: [{ message: 'not found', path: [key], extensions: { code: 'NOT_FOUND' } }] }],
  cursor: undefined,
  hasMore: false,
  isComplete: true,
});

/** The root's arguments of these names, as they were written, and further ones. */
function args(source: Source, ...wanted: string[]): string {
  const given = (source.root.arguments ?? []).filter((argument: ArgumentNode) => wanted.includes(argument.name.value));
  const written = [...given.map((argument) => print(argument)), ...wanted.filter((name) => name.includes(':'))];
  return `(${written.join(', ')})`;
}

/** The selections of several fields as one. */
const inside = (fields: readonly FieldNode[]) =>
  fields
    .flatMap((field) => field.selectionSet?.selections ?? [])
    .map((selection) => print(selection))
    .join(' ');

/** A query of one field, called `twin` in the answer, with the fragments and variables of the subscription that it
 * uses; others would be refused. */
function queryOf(source: Source, field: string, goesOn = false): (after: string | undefined) => Operation {
  const fragments = source.document.definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
  const written = `query Twin { twin: ${field} }`;
  const query = operationOf(parse(written, { noLocation: true }));
  const used = { fragments: new Set<string>(), variables: new Set<string>() };
  const collect = (selections: SelectionSetNode): void => {
    visit(selections, {
      Variable: (node) => void used.variables.add(node.name.value),
      FragmentSpread: ({ name }) => {
        if (used.fragments.has(name.value)) return;
        used.fragments.add(name.value);
        const fragment = fragments.find((one) => one.name.value === name.value);
        if (fragment !== undefined) collect(fragment.selectionSet);
      },
    });
  };
  collect(query.selectionSet);
  const definitions = (operationOf(source.document, source.operation.operationName).variableDefinitions ?? []).filter(
    (definition) => used.variables.has(definition.variable.name.value),
  );
  const declared = [...definitions.map((definition) => print(definition)), ...(goesOn ? [`$${AFTER}: StreamCursor`] : [])];
  const text = [
    `query Twin${declared.length > 0 ? `(${declared.join(', ')})` : ''} ${print(query.selectionSet)}`,
    ...fragments.filter(({ name }) => used.fragments.has(name.value)).map((fragment) => print(fragment)),
  ].join('\n');
  const variables = Object.fromEntries(
    Object.entries(source.operation.variables ?? {}).filter(([name]) => used.variables.has(name)),
  );
  return (after) => ({
    query: text,
    operationName: 'Twin',
    variables: goesOn ? { ...variables, [AFTER]: after ?? null } : variables,
  });
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
