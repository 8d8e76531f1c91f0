import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';

/** How far from the end still counts as being there. */
const NEAR_PX = 160;

const isNearEnd = () =>
  window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - NEAR_PX;

/**
 * Keeps the end of the page in sight as it grows, but only while the reader is there: whoever has
 * scrolled up keeps their place, and is told how much is new: what comes in above, of earlier, is not.
 * `entries` are what is finished; `growth` is how much there is of what is still being written.
 */
export function useStickToEnd(entries: readonly { sequence: number }[], growth: number, beginsAtEnd: boolean) {
  const last = entries.at(-1)?.sequence ?? 0;
  const [isAtEnd, setAtEnd] = useState(beginsAtEnd);
  const sticks = useRef(beginsAtEnd);
  const [seen, setSeen] = useState(last);

  const toEnd = useCallback(() => {
    sticks.current = true;
    window.scrollTo({ top: document.documentElement.scrollHeight });
  }, []);

  useEffect(() => {
    const look = () => {
      sticks.current = isNearEnd();
      setAtEnd(sticks.current);
    };
    look();
    if (beginsAtEnd) toEnd();
    window.addEventListener('scroll', look, { passive: true });
    return () => window.removeEventListener('scroll', look);
  }, [beginsAtEnd, toEnd]);

  useLayoutEffect(() => {
    if (sticks.current) toEnd();
  }, [last, growth, toEnd]);
  // Whoever is at the end sees what is there.
  if (isAtEnd && seen !== last) setSeen(last);

  return { isAtEnd, toEnd, unseen: entries.filter(({ sequence }) => sequence > seen).length };
}
