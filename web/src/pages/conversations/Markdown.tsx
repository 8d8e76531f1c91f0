/**
 * What a model wrote, as it meant it. No HTML is let through, links open elsewhere without telling
 * from where, and images are links: the page loads nothing from other servers.
 */
import { memo } from 'react';
import ReactMarkdown, { type Components } from 'react-markdown';
import remarkGfm from 'remark-gfm';

const COMPONENTS: Components = {
  a: ({ href, children }) => (
    <a href={href} target="_blank" rel="noreferrer noopener" className="text-accent-text underline underline-offset-2">
      {children}
    </a>
  ),
  img: ({ src, alt }) => (
    <a href={typeof src === 'string' ? src : undefined} target="_blank" rel="noreferrer noopener" className="text-accent-text underline">
      {alt || 'image'}
    </a>
  ),
  // Headings inside a message are below the page's own.
  h1: ({ children }) => <h3 className="mt-3 mb-1 text-lg font-semibold first:mt-0">{children}</h3>,
  h2: ({ children }) => <h3 className="mt-3 mb-1 font-semibold first:mt-0">{children}</h3>,
  h3: ({ children }) => <h4 className="mt-3 mb-1 text-sm font-semibold first:mt-0">{children}</h4>,
  p: ({ children }) => <p className="my-2 whitespace-pre-line first:mt-0 last:mb-0">{children}</p>,
  ul: ({ children }) => <ul className="my-2 list-disc space-y-1 pl-5">{children}</ul>,
  ol: ({ children }) => <ol className="my-2 list-decimal space-y-1 pl-5">{children}</ol>,
  blockquote: ({ children }) => <blockquote className="my-2 border-l-2 border-line-strong pl-3 text-muted">{children}</blockquote>,
  code: ({ children, className }) => (
    <code className={className ? undefined : 'rounded bg-sunken px-1 py-0.5 text-[0.9em] wrap-anywhere'}>{children}</code>
  ),
  pre: ({ children }) => (
    <pre tabIndex={0} className="my-2 overflow-x-auto rounded-lg border bg-sunken p-3 text-xs leading-5">
      {children}
    </pre>
  ),
  table: ({ children }) => (
    <div tabIndex={0} role="group" aria-label="Table" className="my-2 overflow-x-auto">
      <table className="border-collapse text-sm">{children}</table>
    </div>
  ),
  th: ({ children }) => <th className="border border-line bg-sunken px-2 py-1 text-left font-medium">{children}</th>,
  td: ({ children }) => <td className="border border-line px-2 py-1">{children}</td>,
};

/** Parsed again only when the words are others. */
export const Markdown = memo(function Markdown({ children }: { children: string }) {
  return (
    <div className="wrap-anywhere">
      <ReactMarkdown components={COMPONENTS} remarkPlugins={[remarkGfm]}>
        {children}
      </ReactMarkdown>
    </div>
  );
});
