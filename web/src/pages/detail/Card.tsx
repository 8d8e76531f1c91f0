/** What the page of an execution is made of. */
import type { ReactNode } from 'react';
import type { DetailQuery } from '@/gql/graphql';

export type Execution = NonNullable<DetailQuery['execution']>;

export function Card({ title, children, tone }: { title: string; children: ReactNode; tone?: 'bad' }) {
  return (
    <section aria-label={title} className={`card min-w-0 p-4 sm:p-5 ${tone === 'bad' ? 'border-bad/40!' : ''}`}>
      <h2 className="mb-3 text-sm font-semibold">{title}</h2>
      {children}
    </section>
  );
}

export function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="flex items-baseline justify-between gap-4">
      <dt className="shrink-0 text-muted">{label}</dt>
      <dd className="min-w-0 text-right wrap-anywhere">{children}</dd>
    </div>
  );
}

export function Figure({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div>
      <div className="text-xs text-muted">{label}</div>
      <div className="tabular mt-0.5 text-xl font-semibold">{children}</div>
    </div>
  );
}
