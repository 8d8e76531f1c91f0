import { clsx } from 'clsx';
import { useId } from 'react';

export interface Card {
  value: string;
  title: string;
  description: string | null;
  note?: string;
}

/** One of several, each with words: radio buttons to the keyboard and aloud, cards to the eye. */
export function Cards({
  label,
  cards,
  value,
  onChange,
}: {
  label: string;
  cards: readonly Card[];
  value: string | undefined;
  onChange: (value: string) => void;
}) {
  const name = useId();
  return (
    <div role="radiogroup" aria-label={label} className="grid gap-2 sm:grid-cols-2">
      {cards.map((card) => (
        <label
          key={card.value}
          className={clsx(
            'flex cursor-pointer gap-3 rounded-lg border p-3 transition-colors has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-focus',
            card.value === value ? 'border-accent bg-accent-soft/50 ring-1 ring-accent' : 'bg-surface hover:border-line-strong hover:bg-hover',
          )}
        >
          <input
            type="radio"
            name={name}
            value={card.value}
            checked={card.value === value}
            onChange={() => onChange(card.value)}
            aria-describedby={card.description ? `${name}-${card.value}` : undefined}
            aria-label={card.title}
            className="mt-0.5 size-4 shrink-0 accent-accent outline-none"
          />
          <span className="min-w-0">
            <span className="block text-sm font-medium">
              {card.title}
              {card.note && <span className="ml-2 text-xs font-normal text-faint">{card.note}</span>}
            </span>
            {card.description && (
              <span id={`${name}-${card.value}`} className="mt-0.5 block text-xs text-muted">
                {card.description}
              </span>
            )}
          </span>
        </label>
      ))}
    </div>
  );
}
