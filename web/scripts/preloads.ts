/**
 * Most visits begin at the history. Its script is asked for by the document itself, beside the
 * page's own, instead of by that once it has run: one turn of the network less until rows are seen.
 */
import type { Plugin } from 'vite';

export function preloads(module: string): Plugin {
  return {
    name: 'preloads',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler(html, { bundle = {}, filename }) {
        if (!filename.endsWith('/index.html')) return undefined;
        const page = Object.values(bundle).find((one) => one.type === 'chunk' && one.facadeModuleId === module);
        if (page?.type !== 'chunk') throw new Error(`${module} is no chunk of its own`);
        return [page.fileName, ...page.imports]
          .filter((file) => !html.includes(file))
          .map((file) => ({ tag: 'link', attrs: { rel: 'modulepreload', crossorigin: true, href: `/${file}` }, injectTo: 'head' as const }));
      },
    },
  };
}
