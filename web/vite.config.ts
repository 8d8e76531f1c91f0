import { fileURLToPath } from 'node:url';
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';
import { compressed } from './scripts/compressed.ts';
import { operations } from './scripts/operations.ts';
import { preloads } from './scripts/preloads.ts';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// The server that `npm run dev` talks to. Cookies and sockets go through, so the page is of one
// origin with it, as it is when the binary serves it.
const backend = process.env.AGENTIC_BACKEND ?? 'http://127.0.0.1:8000';

/**
 * The clients' glue reads and prints documents, and no more. urql has a library of its own for that,
 * which is on the page anyway: a third of the reference's, whose own is the playground's.
 */
function smallGraphql(): Plugin {
  return {
    name: 'small-graphql',
    enforce: 'pre',
    resolveId(source, importer) {
      if (source !== 'graphql' || !importer?.includes('/clients/src/')) return undefined;
      return this.resolve('@0no-co/graphql.web', here('./src/main.tsx'));
    },
  };
}

/** Libraries of the frame around every page. */
const VENDOR =
  /\/node_modules\/(react|react-dom|scheduler|react-router|urql|@urql|wonka|@0no-co|graphql-ws|clsx|radix-ui|@radix-ui\/react-(dropdown-menu|menu|popover|tabs)|@floating-ui)\//;

export default defineConfig({
  plugins: [smallGraphql(), operations(here('./src/gql/graphql.ts')), react(), tailwindcss(), preloads(here('./src/pages/history/HistoryPage.tsx')), compressed()],
  resolve: {
    alias: { '@': here('./src'), '~clients': here('../clients/src') },
    // The clients' glue is source of ours beside this folder: it takes the libraries of this one.
    dedupe: ['graphql', 'graphql-ws', '@urql/core', '@urql/exchange-graphcache'],
  },
  build: {
    target: 'es2022',
    // Nothing may be inlined as a data: URL that the Content-Security-Policy does not allow.
    assetsInlineLimit: 0,
    // The polyfill would be an inline script.
    modulePreload: { polyfill: false },
    // The playground's editor is large, and loaded on its own page only.
    chunkSizeWarningLimit: 3_000,
    rolldownOptions: {
      onLog: (level, log, report) => {
        // Directives of the React compiler's, inside libraries: nothing reads them here.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') report(level, log);
      },
      input: { index: here('./index.html'), graphiql: here('./graphiql.html') },
      // What every page needs, in two files: thirty small ones would wait for each other on a slow network.
      output: {
        codeSplitting: {
          groups: [
            { name: 'vendor', test: VENDOR },
            { name: 'app', test: /\/web\/src\/(app|api|components|executions)\/|\/clients\/src\// },
          ],
        },
      },
    },
  },
  // They import workers by a suffix that only the build understands.
  optimizeDeps: { exclude: ['graphiql/setup-workers/vite', '@graphiql/react/setup-workers/vite'] },
  worker: { format: 'es' },
  server: {
    proxy: {
      '/graphql': { target: backend, ws: true },
      '/files': { target: backend },
    },
  },
});
