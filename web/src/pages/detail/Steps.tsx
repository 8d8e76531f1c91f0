/** Where the time went: each turn of the model and each call of a tool, as a bar from when it began to when it ended. */
import { clsx } from 'clsx';
import { Bot, CircleX, ShieldX, Wrench } from 'lucide-react';
import { Link } from 'react-router';
import { paths } from '@/app/paths';
import { errorWords, Skeleton } from '@/components/states';
import { Elapsed } from '@/components/Time';
import { span } from '@/components/time';
import { Card, type Execution } from './Card';
import type { Step } from './steps';
import { useSteps } from './useSteps';

export function Steps({ execution, dataSetId }: { execution: Execution; dataSetId: string }) {
  const { steps, hasEarlier, error } = useSteps(execution.conversation.id, execution.isTerminal);
  if (!execution.startedAt) return null;
  return (
    <Card title="Steps">
      {steps ? (
        <>
          {hasEarlier && (
            <p className="mb-2 text-xs text-muted">
              The last ones.{' '}
              <Link to={paths.conversation(dataSetId, execution.conversation.id, execution.id)} className="text-accent-text hover:underline">
                All are in the conversation
              </Link>
            </p>
          )}
          {steps.length > 0 ? <Bars steps={steps} /> : <p className="text-sm text-muted">Nothing was done.</p>}
        </>
      ) : error ? (
        <p className="text-sm text-bad">{`They could not be read. ${errorWords(error).detail}`}</p>
      ) : (
        <div role="status" aria-label="Loading the steps" className="flex flex-col gap-2">
          {[1, 2, 3].map((one) => (
            <Skeleton key={one} className="h-6" />
          ))}
        </div>
      )}
    </Card>
  );
}

function Bars({ steps }: { steps: readonly Step[] }) {
  const begin = Math.min(...steps.map((step) => step.from));
  const end = Math.max(...steps.map((step) => step.to ?? step.from));
  // What runs reaches the edge; what ended leaves it room.
  const isRunning = steps.some((step) => step.to === undefined);
  const whole = Math.max(1, (end - begin) * (isRunning ? 1.15 : 1));
  const part = (ms: number) => `${(100 * ms) / whole}%`;
  return (
    <ol className="max-h-[28rem] overflow-y-auto" tabIndex={0} aria-label="Steps, oldest first">
      {steps.map((step) => (
        <li key={step.key} className="grid h-7 grid-cols-[minmax(0,1fr)_4.5rem] items-center gap-3 sm:grid-cols-[minmax(0,12rem)_minmax(0,1fr)_4.5rem]">
          <span
            className={clsx(
              'flex min-w-0 items-center gap-2 text-xs [&_svg]:size-3.5 [&_svg]:shrink-0',
              // Calls belong to the turn above them.
              step.kind === 'tool' && 'pl-4',
              step.failed ? 'text-bad' : 'text-text [&_svg]:text-faint',
            )}
          >
            <Icon step={step} />
            <span className={clsx('truncate', step.kind === 'tool' && 'font-mono')}>{step.label}</span>
            {step.failed && step.kind === 'tool' && <span className="sr-only">failed</span>}
          </span>
          <span aria-hidden="true" className="relative h-full max-sm:hidden">
            <span className="absolute inset-x-0 top-1/2 h-px bg-line" />
            <span
              className={clsx('absolute top-1/2 h-2.5 -translate-y-1/2 rounded-sm', FILLS[step.failed ? 'failed' : step.kind], step.to === undefined && 'animate-pulse-soft')}
              style={{
                left: part(step.from - begin),
                ...(step.to === undefined ? { right: 0 } : { width: `max(3px, ${part(step.to - step.from)})` }),
              }}
            />
          </span>
          <span className="tabular text-right text-xs text-muted">
            {step.to === undefined ? <Elapsed from={new Date(step.from).toISOString()} /> : step.kind === 'refusal' ? '' : span(step.to - step.from)}
          </span>
        </li>
      ))}
    </ol>
  );
}

const FILLS = { model: 'bg-chart-accent', tool: 'bg-chart-run', refusal: 'bg-chart-wait', failed: 'bg-chart-bad' };

function Icon({ step }: { step: Step }) {
  if (step.kind === 'refusal') return <ShieldX aria-hidden="true" />;
  if (step.kind === 'model') return <Bot aria-hidden="true" />;
  return step.failed ? <CircleX aria-hidden="true" /> : <Wrench aria-hidden="true" />;
}
