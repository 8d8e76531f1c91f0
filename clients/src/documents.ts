// What the glue reads from a client's own documents: how fields are named in the answer, which arguments they are given,
// and whether a subscription can be resumed. Never changes a document; `twins.ts` does.

import {
  Kind,
  valueFromASTUntyped,
  type DocumentNode,
  type FieldNode,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import type { Aliases } from './newest.ts';

/** The document's aliases, for `Newest`: each name in the answer with what identifies the field, its arguments
 * included; null where one name stands for several fields. */
export function aliasesOf(document: DocumentNode): Aliases {
  const aliases = new Map<string, string | null>();
  const visit = (selections: SelectionSetNode | undefined): void => {
    for (const selection of selections?.selections ?? []) {
      if (selection.kind === Kind.FIELD) {
        const name = selection.alias?.value ?? selection.name.value;
        // No field of an execution that carries state takes arguments; one that does is left alone.
        const key = selection.arguments?.length ? null : selection.name.value;
        aliases.set(name, aliases.has(name) && aliases.get(name) !== key ? null : key);
      }
      if (selection.kind !== Kind.FRAGMENT_SPREAD) visit(selection.selectionSet);
    }
  };
  for (const definition of document.definitions) {
    if (definition.kind === Kind.OPERATION_DEFINITION || definition.kind === Kind.FRAGMENT_DEFINITION) {
      visit(definition.selectionSet);
    }
  }
  return aliases;
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
