// As a client author would write it, with the ready-made configuration of clients/.
import { codegen } from '../../clients/src/codegen.ts';

export default codegen({
  schema: '../../schema.graphql',
  documents: ['src/**/*.ts', '!src/gql/**'],
  out: './src/gql/',
  fragments: '../../clients/fragments',
  importExtension: '.ts',
});
