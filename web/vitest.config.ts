import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: { '@': here('./src'), '~clients': here('../clients/src') },
    dedupe: ['graphql', 'graphql-ws', '@urql/core', '@urql/exchange-graphcache'],
  },
  test: { include: ['src/**/*.test.ts'] },
});
