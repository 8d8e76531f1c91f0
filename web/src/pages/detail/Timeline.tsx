import { clsx } from 'clsx';
import type { ReactNode } from 'react';
import { CATEGORY_WORDS } from '@/components/StatusPill';
import { clock, exactly, span } from '@/components/time';
import type { ExecutionLiveFragment } from '@/gql/graphql';

interface Moment {
  at: string;
  what: ReactNode;
  tone: 'neutral' | 'run' | 'ok' | 'bad' | 'wait';
}

const DOTS = { neutral: 'bg-faint', run: 'bg-run', ok: 'bg-ok', bad: 'bg-bad', wait: 'bg-wait' };

/** What happened when, oldest first, with the time since the moment before. */
export function Timeline({ execution }: { execution: ExecutionLiveFragment }) {
  const moments = momentsOf(execution);
  return (
    <ol className="flex flex-col">
      {moments.map((moment, index) => {
        const before = moments[index - 1];
        return (
          // Moments are only added, at the end.
          <li key={`${moment.at} ${index}`} className="relative flex gap-3 pb-4 last:pb-0">
            {index < moments.length - 1 && <span aria-hidden="true" className="absolute top-3 bottom-[-0.25rem] left-[3.5px] w-px bg-line" />}
            <span aria-hidden="true" className={clsx('relative mt-1.5 size-2 shrink-0 rounded-full', DOTS[moment.tone])} />
            <div className="min-w-0 flex-1 text-sm">
              <div className="wrap-anywhere">{moment.what}</div>
              <div className="mt-0.5 flex gap-2 text-xs text-faint">
                <time dateTime={moment.at} title={exactly(moment.at)} className="tabular">
                  {clock(moment.at)}
                </time>
                {before && <span className="tabular">{`+${span(Date.parse(moment.at) - Date.parse(before.at))}`}</span>}
              </div>
            </div>
          </li>
        );
      })}
    </ol>
  );
}

function momentsOf(execution: ExecutionLiveFragment): Moment[] {
  const { createdAt, startedAt, finishedAt, rejections, cancellation, failure, launchedBy } = execution;
  const moments: Moment[] = [{ at: createdAt, what: `Launched by ${launchedBy.name}`, tone: 'neutral' }];
  if (startedAt) moments.push({ at: startedAt, what: 'Taken by a worker', tone: 'run' });
  for (const { occurredAt, attempt, validator, willRetry } of rejections) {
    moments.push({
      at: occurredAt,
      what: `Attempt ${attempt} refused by ${validator}${willRetry ? '' : ', for good'}`,
      tone: 'wait',
    });
  }
  if (cancellation) {
    moments.push({ at: cancellation.requestedAt, what: `Cancel asked for by ${cancellation.requestedBy.name}`, tone: 'wait' });
  }
  if (finishedAt) {
    moments.push(
      failure
        ? { at: finishedAt, what: failure.category === 'CANCELED' ? 'Canceled' : `Failed: ${CATEGORY_WORDS[failure.category]}`, tone: failure.category === 'CANCELED' ? 'neutral' : 'bad' }
        : { at: finishedAt, what: 'Finished', tone: 'ok' },
    );
  }
  // Instants are strings that sort as they happen; equal ones stay as they are.
  return moments.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}
