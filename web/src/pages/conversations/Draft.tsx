/** An answer while it is being written. */
import { Bot, Wrench } from 'lucide-react';
import type { DraftPart } from './drafts';
import { Markdown } from './Markdown';
import { Reasoning } from './Transcript';

export function Draft({ parts }: { parts: ReadonlyMap<number, DraftPart> }) {
  const inOrder = [...parts].sort(([one], [other]) => one - other);
  return (
    // Read aloud when it is finished, not letter by letter.
    <div className="mt-5 flex gap-3" aria-hidden="true" data-testid="draft">
      <span className="flex size-7 shrink-0 items-center justify-center rounded-full bg-accent-soft text-accent-text max-sm:hidden [&_svg]:size-4">
        <Bot />
      </span>
      <div className="grid min-w-0 flex-1 grid-cols-1 gap-2 pt-1">
        {inOrder.map(([place, part]) => {
          if (part.kind === 'TEXT') return <Markdown key={place}>{part.text}</Markdown>;
          if (part.kind === 'REASONING') return <Reasoning key={place} isLive>{part.text}</Reasoning>;
          return (
            <div key={place} className="flex items-center gap-2 rounded-lg border bg-surface px-3 py-2">
              <Wrench className="size-4 shrink-0 text-faint" />
              <code className="min-w-0 truncate text-xs text-faint">{part.text.slice(-200)}</code>
            </div>
          );
        })}
      </div>
    </div>
  );
}
