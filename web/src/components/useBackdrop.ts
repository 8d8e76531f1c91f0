import { type MouseEvent, type PointerEvent, useRef } from 'react';

/**
 * Closes a modal <dialog> by a press beside it. One that began inside is none, wherever it ends: whoever selects text
 * goes over the edge.
 */
export function useBackdrop(onClose: (() => void) | undefined) {
  const began = useRef(false);
  return {
    onPointerDown: (event: PointerEvent<HTMLDialogElement>) => {
      began.current = event.target === event.currentTarget;
    },
    onClick: (event: MouseEvent<HTMLDialogElement>) => {
      if (began.current && event.target === event.currentTarget) onClose?.();
      began.current = false;
    },
  };
}
