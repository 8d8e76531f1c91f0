/** Things by how much there is of each: a list that is also a picture. */
import type { ReactNode } from 'react';

export interface Rank {
  key: string;
  label: ReactNode;
  /** Beside the label, smaller. */
  note?: ReactNode;
  /** Parts of the bar from the left, each with its colour. */
  parts: { value: number; fill: string; label: string }[];
  /** What stands at the end. */
  value: ReactNode;
}

export function RankBars({ label, ranks }: { label: string; ranks: Rank[] }) {
  const sum = (rank: Rank) => rank.parts.reduce((total, part) => total + part.value, 0);
  const max = Math.max(1e-9, ...ranks.map(sum));
  return (
    <ul className="grid grid-cols-1 gap-3" aria-label={label}>
      {ranks.map((rank) => (
        <li key={rank.key}>
          <div className="flex items-baseline gap-2 text-sm">
            <span className="min-w-0 truncate">{rank.label}</span>
            {rank.note && <span className="shrink-0 text-xs text-muted">{rank.note}</span>}
            <span className="ml-auto shrink-0 tabular">{rank.value}</span>
          </div>
          <div
            className="mt-1 flex h-2 gap-px overflow-hidden rounded-full bg-sunken"
            role="img"
            aria-label={rank.parts.map((part) => part.label).join(', ')}
          >
            {rank.parts
              .filter((part) => part.value > 0)
              .map((part, index) => (
                <span
                  key={index}
                  title={part.label}
                  className={part.fill}
                  style={{ width: `max(2px, ${(part.value / max) * 100}%)` }}
                />
              ))}
          </div>
        </li>
      ))}
    </ul>
  );
}
