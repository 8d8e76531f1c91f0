// Settings for graphql-codegen: the client preset, in strict TypeScript, without an `any`. In a `codegen.ts` of yours:
//
//   import { codegen } from '…/clients/src/codegen.ts';
//   export default codegen({ schema: 'schema.graphql', documents: ['src/**/*.ts'], out: './src/gql/' });
//
// It wants @graphql-codegen/cli, @graphql-codegen/client-preset and @graphql-codegen/fragment-matcher. Generate from
// the file, not from a running server: introspection does not tell which inputs are `@oneOf`.

/** What scalars are in JSON. Dates stay the strings that they are on the wire: `new Date(createdAt)` where one is
 * needed; comparing and caching them needs none. */
export const scalars = {
  DateTime: 'string',
  JSON: 'unknown',
  StreamCursor: 'string',
  Upload: { input: 'Blob', output: 'never' },
} as const;

/** Settings of the TypeScript plugins. */
export const config = {
  scalars,
  // A scalar that is not in the map fails here instead of becoming `any`.
  strictScalars: true,
  useTypeImports: true,
  // Unions of strings: a `switch` over them is checked to be exhaustive, and nothing is left at run time.
  enumsAsTypes: true,
  // Refusals are told apart by `__typename`.
  nonOptionalTypename: true,
  immutableTypes: true,
} as const;

/** A whole configuration. `out` ends with a slash. With `fragments` the ready-made ones are included: the path of
 * clients/fragments. `importExtension` where imports must name one: `.ts` or `.js`. */
export const codegen = (options: {
  readonly schema: string;
  readonly documents: readonly string[];
  readonly out: string;
  readonly fragments?: string;
  readonly importExtension?: '.ts' | '.js';
}) => ({
  schema: options.schema,
  documents: [...(options.fragments === undefined ? [] : [`${options.fragments}/*.graphql`]), ...options.documents],
  ignoreNoDocuments: true,
  importExtension: options.importExtension ?? ('' as const),
  generates: {
    [options.out]: {
      preset: 'client' as const,
      presetConfig: { fragmentMasking: false },
      config,
    },
    // For Apollo's InMemoryCache: without it fragments on unions and interfaces match nothing.
    [`${options.out}possible-types.ts`]: { plugins: ['fragment-matcher'], config: { useExplicitTyping: true } },
  },
});
