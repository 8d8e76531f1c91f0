import { ChevronLeft, ChevronRight } from 'lucide-react';
import { Button } from './Button';

/** Turns the pages of a list that is read forwards: on, and back to its beginning. Nothing where there is one page. */
export function Pager({
  label,
  first = 'First',
  next = 'Next',
  after,
  pageInfo,
  onTurn,
}: {
  label: string;
  /** What the beginning is called, and what follows. */
  first?: string;
  next?: string;
  after: string | null;
  pageInfo: { hasNextPage: boolean; endCursor?: string | null } | undefined;
  onTurn: (after: string | null) => void;
}) {
  if (after === null && !pageInfo?.hasNextPage) return null;
  return (
    <nav aria-label={label} className="flex justify-end gap-2">
      <Button unavailable={after === null} icon={<ChevronLeft aria-hidden="true" />} onClick={() => onTurn(null)}>
        {first}
      </Button>
      <Button unavailable={!pageInfo?.hasNextPage} onClick={() => onTurn(pageInfo?.endCursor ?? null)}>
        {next}
        <ChevronRight aria-hidden="true" />
      </Button>
    </nav>
  );
}
