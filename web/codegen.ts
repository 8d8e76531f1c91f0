// Types of every operation under src/, from the schema that the server is tested against.
// A field that leaves schema.graphql fails here, before the page is built.
import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: '../schema.graphql',
  documents: ['src/**/*.{ts,tsx}', '!src/gql/**'],
  ignoreNoDocuments: true,
  generates: {
    './src/gql/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        strictScalars: true,
        useTypeImports: true,
        enumsAsTypes: true,
        onlyOperationTypes: false,
        scalars: {
          DateTime: 'string',
          StreamCursor: 'string',
          Upload: 'File',
          JSON: { input: '../api/json#JsonValue', output: '../api/json#JsonValue' },
        },
      },
    },
  },
};

export default config;
