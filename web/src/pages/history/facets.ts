/** What is known of how often a value occurs in the list. */

/** How many values of each kind are asked for. */
export const FACETS = 50;

/** Undefined where it is not known: nothing was counted yet, or the value is beyond what was counted or listed. */
export function occurrences<One extends { count: number }>(
  listed: readonly One[] | undefined,
  isExact: boolean,
  isIt: (one: One) => boolean,
): number | undefined {
  if (!listed) return undefined;
  const known = listed.find(isIt);
  if (known) return known.count;
  return isExact && listed.length < FACETS ? 0 : undefined;
}
