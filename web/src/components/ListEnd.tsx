/** At the end of a list that is offered whole: says what of it is not there. */
import { AT_MOST, type Missing } from '@/api/wholeList';
import { count } from './time';

export const MISSING_WORDS: Record<Exclude<Missing, 'nothing'>, string> = {
  coming: 'Loading the rest…',
  beyond: `Only the first ${count(AT_MOST)} are listed`,
  failed: 'The rest could not be loaded: reload the page to try again',
};

export function ListEnd({ missing }: { missing: Missing }) {
  if (missing === 'nothing') return null;
  return (
    <p role="status" className="px-2 py-1.5 text-xs text-muted">
      {MISSING_WORDS[missing]}
    </p>
  );
}
