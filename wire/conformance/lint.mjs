// The curated lint of an exported SDL, for whichever ESLint and plugin call it.
export const lint = (graphql, schema) => {
  const c = graphql.configs;
  const [level, naming] = c['flat/schema-recommended'].rules['@graphql-eslint/naming-convention'];
  return [{
    files: ['**/*.graphql'],
    languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema } } },
    plugins: { '@graphql-eslint': graphql },
    rules: {
      ...c['flat/schema-recommended'].rules, ...c['flat/schema-relay'].rules,
      // ExecutionType, executionType, executionKey are the domain's own words.
      '@graphql-eslint/naming-convention': [level, { ...naming, 'ObjectTypeDefinition,ObjectTypeExtension': { forbiddenPrefixes: ['Type'] } }],
      '@graphql-eslint/no-typename-prefix': 'off',
      // Connections carry `nodes` beside `edges`, as GitHub's do.
      '@graphql-eslint/relay-edge-types': ['error', { withEdgeSuffix: true, shouldImplementNode: true, listTypeCanWrapOnlyEdgeType: false }],
      // Values without an identity (a failure, a progress) have no id, so that caches embed them.
      '@graphql-eslint/strict-id-in-types': 'off',
      '@graphql-eslint/require-description': ['error', { types: true, rootField: true, DirectiveDefinition: true, FieldDefinition: true, InputValueDefinition: true, EnumValueDefinition: true }],
      '@graphql-eslint/input-name': ['error', { checkInputType: true, caseSensitiveInputType: false, checkMutations: true }],
      '@graphql-eslint/no-scalar-result-type-on-mutation': 'error',
      '@graphql-eslint/require-nullable-fields-with-oneof': 'error',
    },
  }];
};
