/** Why it failed, and what its validators refused on the way. */
import { CATEGORY_WORDS } from '@/components/StatusPill';
import { Time } from '@/components/Time';
import { span } from '@/components/time';
import type { ExplanationSource } from '@/gql/graphql';
import { Card, type Execution, Fact } from './Card';

const EXPLAINED_BY: Record<ExplanationSource, string> = {
  MODEL: 'Explained by the model',
  VALIDATOR: 'Explained by the validator',
  AGENT: 'Explained by the agent',
  USER: 'In the words of who canceled it',
  SYSTEM: 'Explained by the server',
};

export function Failure({ execution }: { execution: Execution }) {
  const { failure, cancellation, executionType } = execution;
  if (!failure) return null;
  const canceled = failure.category === 'CANCELED';
  const meaning = executionType?.failureCodes.find((one) => one.code === failure.code)?.description;
  return (
    <Card title={canceled ? 'Canceled' : 'Why it failed'} tone={canceled ? undefined : 'bad'}>
      <p className="text-base whitespace-pre-wrap wrap-anywhere">{failure.explanation}</p>
      <p className="mt-1 text-xs text-faint">{EXPLAINED_BY[failure.explanationSource]}</p>
      <dl className="mt-4 flex flex-col gap-2 border-t pt-3 text-sm">
        {!canceled && (
          <>
            <Fact label="Category">{CATEGORY_WORDS[failure.category]}</Fact>
            <Fact label="Code">
              <code className="text-xs">{failure.code}</code>
              {meaning && <span className="block text-xs text-muted">{meaning}</span>}
            </Fact>
          </>
        )}
        {cancellation && (
          <>
            <Fact label="Asked for by">
              {cancellation.requestedBy.name}, <Time at={cancellation.requestedAt} />
            </Fact>
            {cancellation.reason && cancellation.reason !== failure.explanation && <Fact label="Reason">{cancellation.reason}</Fact>}
            {cancellation.confirmedAt && (
              <Fact label="Stopped after">{span(Date.parse(cancellation.confirmedAt) - Date.parse(cancellation.requestedAt))}</Fact>
            )}
          </>
        )}
        <Fact label="Worth a retry">{failure.retryable ? 'Yes, it may go well the next time' : 'Not without a change'}</Fact>
      </dl>
    </Card>
  );
}

/** Newest first: what the last validator refused is what the agent is working on. */
export function Rejections({ execution }: { execution: Execution }) {
  const newestFirst = execution.rejections.toReversed();
  return (
    <Card title="Refused by validators">
      <ol className="flex flex-col gap-3">
        {newestFirst.map((one, at) => (
          <li key={`${one.attempt} ${one.validator} ${one.occurredAt} ${at}`} className="rounded-lg bg-sunken p-3">
            <div className="flex flex-wrap items-baseline justify-between gap-x-3 text-xs text-muted">
              <span>
                {`Attempt ${one.attempt} · `}
                <code>{one.validator}</code>
                {` · ${one.willRetry ? 'tried again' : 'for good'}`}
              </span>
              <Time at={one.occurredAt} />
            </div>
            <p className="mt-1.5 text-sm whitespace-pre-wrap wrap-anywhere">{one.feedback}</p>
          </li>
        ))}
      </ol>
    </Card>
  );
}
