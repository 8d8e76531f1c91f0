import { clsx } from 'clsx';
import { count } from './time';

/** How far it is; without a total only how much was done. */
export function Progress({
  done,
  total,
  note,
  className,
}: {
  done: number;
  total: number | null;
  note: string | null;
  className?: string;
}) {
  const words = total === null ? count(done) : `${count(done)} of ${count(total)}`;
  return (
    <span
      role="progressbar"
      aria-label="Progress"
      aria-valuemin={0}
      aria-valuemax={total ?? undefined}
      aria-valuenow={total === null ? undefined : Math.min(done, total)}
      aria-valuetext={note ? `${words}, ${note}` : words}
      title={note ?? undefined}
      className={clsx('inline-flex items-center gap-2', className)}
    >
      {total !== null && total > 0 && (
        <span aria-hidden="true" className="h-1 min-w-8 flex-1 overflow-hidden rounded-full bg-line">
          <span
            className="block h-full rounded-full bg-run transition-[width] duration-300"
            style={{ width: `${Math.min(100, (100 * done) / total)}%` }}
          />
        </span>
      )}
      <span className="tabular shrink-0 text-xs text-muted">{words}</span>
    </span>
  );
}
