/**
 * Puts each operation into the page that uses it. The generated `graphql()` looks its argument up
 * in one map of all operations, which would be part of every first load; when building, the call
 * is replaced by an import of that operation's document alone.
 */
import { readFileSync } from 'node:fs';
import type { Plugin } from 'vite';

const PREFIX = 'operation:';
const CALL = /graphql\(\s*\/\* GraphQL \*\/\s*`([^`]*)`,?\s*\)/g;
const NAME = /\b(query|mutation|subscription|fragment)\s+(\w+)/;

export function operations(generated: string): Plugin {
  let source: string | undefined;
  return {
    name: 'operations',
    apply: 'build',
    enforce: 'pre',
    resolveId: (id) => (id.startsWith(PREFIX) ? `\0${id}` : undefined),
    load(id) {
      if (!id.startsWith(`\0${PREFIX}`)) return undefined;
      const name = id.slice(PREFIX.length + 1);
      source ??= readFileSync(generated, 'utf8');
      const found = new RegExp(`^export const ${name} = (.*) as unknown as DocumentNode<`, 'm').exec(source);
      if (!found) this.error(`${name} is not in ${generated}: run npm run codegen`);
      return `export const ${name} = ${found[1]};`;
    },
    transform(code, id) {
      if (!/\.tsx?$/.test(id) || !code.includes('graphql(')) return undefined;
      const imports: string[] = [];
      const replaced = code.replace(CALL, (call: string, text: string) => {
        const [, kind, name] = NAME.exec(text) ?? this.error(`an operation without a name in ${id}`);
        const document = `${name}${kind === 'fragment' ? 'FragmentDoc' : 'Document'}`;
        imports.push(`import { ${document} as $${document} } from '${PREFIX}${document}';`);
        // The lines stay where they were.
        return `$${document}${'\n'.repeat(call.split('\n').length - 1)}`;
      });
      return imports.length > 0 ? `${imports.join('')}${replaced}` : undefined;
    },
  };
}
