import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';

/** How far from the end still counts as being there. */
const NEAR_PX = 160;

const isNearEnd = () =>
  window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - NEAR_PX;

/**
 * Keeps the end of the page in sight as it grows, but only while the reader is there: whoever has
 * scrolled up keeps their place, and is told how much is new. `count` is of what is finished;
 * `growth` is how much there is of what is still being written.
 */
export function useStickToEnd(count: number, growth: number, beginsAtEnd: boolean) {
  const [isAtEnd, setAtEnd] = useState(beginsAtEnd);
  const sticks = useRef(beginsAtEnd);
  const [seen, setSeen] = useState(count);

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
  }, [count, growth, toEnd]);
  // Whoever is at the end sees what is there.
  if (isAtEnd && seen !== count) setSeen(count);

  return { isAtEnd, toEnd, unseen: Math.max(0, count - seen) };
}
