// What the glue reads from a client's own documents: what they select under which names, which arguments fields are
// given, and whether a subscription can be resumed. Never changes a document; `twins.ts` does.

import {
  Kind,
  valueFromASTUntyped,
  type DocumentNode,
  type FieldNode,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import type { Selected, Selection } from './newest.ts';

/** What the document selects, for `Newest`: of all its operations and fragments, as one. */
export function selectionOf(document: DocumentNode): Selection {
  const fragments = new Map(
    document.definitions.flatMap((definition) =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition] as const] : [],
    ),
  );
  // `on` is the type in which all of it is selected: null for whichever it is, and undefined where a directive decides.
  const visit = (into: Map<string, Field>, selections: SelectionSetNode | undefined, on: string | null | undefined): void => {
    for (const selection of selections?.selections ?? []) {
      const isSure = selection.directives === undefined || selection.directives.length === 0;
      switch (selection.kind) {
        case Kind.FIELD: {
          const name = selection.alias?.value ?? selection.name.value;
          // No field of an execution that carries state takes arguments; one that does is left alone.
          const key = selection.arguments?.length ? null : selection.name.value;
          const known = into.get(name);
          const field = known ?? { key, on: new Set<string | null>(), within: new Map<string, Field>() };
          if (known !== undefined && known.key !== key) known.key = null;
          if (isSure && on !== undefined) field.on.add(on);
          into.set(name, field);
          visit(field.within, selection.selectionSet, null);
          break;
        }
        case Kind.INLINE_FRAGMENT: {
          const type = selection.typeCondition?.name.value ?? on;
          visit(into, selection.selectionSet, isSure && on !== undefined ? type : undefined);
          break;
        }
        case Kind.FRAGMENT_SPREAD: {
          const fragment = fragments.get(selection.name.value);
          const type = fragment?.typeCondition.name.value;
          visit(into, fragment?.selectionSet, isSure && on !== undefined ? type : undefined);
        }
      }
    }
  };
  const selection = new Map<string, Field>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.OPERATION_DEFINITION) visit(selection, definition.selectionSet, null);
  }
  return selection;
}

interface Field extends Selected {
  key: string | null;
  readonly on: Set<string | null>;
  readonly within: Map<string, Field>;
}

/** The one operation of a document, or the one of this name. */
export function operationOf(document: DocumentNode, name?: string | null): OperationDefinitionNode {
  const operations = document.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  const named = name == null ? operations : operations.filter((operation) => operation.name?.value === name);
  const [operation] = named;
  if (operation === undefined || named.length > 1) {
    throw new TypeError(name == null ? 'the document needs one operation' : `the document has no operation ${name}`);
  }
  return operation;
}

/** The fields that a selection names, those of its fragments included. */
export function fieldsOf(document: DocumentNode, selections: SelectionSetNode | undefined): FieldNode[] {
  return (selections?.selections ?? []).flatMap((selection): FieldNode[] => {
    switch (selection.kind) {
      case Kind.FIELD:
        return [selection];
      case Kind.INLINE_FRAGMENT:
        return fieldsOf(document, selection.selectionSet);
      case Kind.FRAGMENT_SPREAD: {
        const fragment = document.definitions.find(
          (definition) =>
            definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === selection.name.value,
        );
        return fragment?.kind === Kind.FRAGMENT_DEFINITION ? fieldsOf(document, fragment.selectionSet) : [];
      }
    }
  });
}

/** The arguments of a field of the operation: literals, variables, and the variables' defaults. */
export function argumentsOf(
  field: FieldNode,
  { variableDefinitions }: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>> | null | undefined,
): Readonly<Record<string, unknown>> {
  const known: Record<string, unknown> = {};
  for (const { variable, defaultValue } of variableDefinitions ?? []) {
    if (defaultValue !== undefined) known[variable.name.value] = valueFromASTUntyped(defaultValue);
  }
  for (const [name, value] of Object.entries(variables ?? {})) if (value !== undefined) known[name] = value;
  return Object.fromEntries(
    (field.arguments ?? []).map(({ name, value }) => [name.value, valueFromASTUntyped(value, known)]),
  );
}
