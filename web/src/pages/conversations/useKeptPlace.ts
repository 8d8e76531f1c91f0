import { useCallback, useLayoutEffect, useRef } from 'react';

/**
 * Keeps what the reader sees where it is while entries come in above it. Browsers do so by themselves, but not at the
 * very top of a page, and that is where the button is. `first` is the first entry; `note` is to be called right before
 * others come to stand before it.
 */
export function useKeptPlace(first: string | undefined) {
  const list = useRef<HTMLOListElement>(null);
  const places = useRef<{ row: Element; bottom: number }[]>([]);
  const note = useCallback(() => {
    // By their lower ends: the first may lose its heading, when the same speaker comes to stand before it.
    places.current = [...(list.current?.children ?? [])].map((row) => ({ row, bottom: row.getBoundingClientRect().bottom }));
  }, []);
  useLayoutEffect(() => {
    const known = places.current.find(({ row }) => row.isConnected);
    places.current = [];
    if (known) window.scrollBy(0, known.row.getBoundingClientRect().bottom - known.bottom);
  }, [first]);
  return { list, note };
}
