import { clsx } from 'clsx';
import { X } from 'lucide-react';
import { type ReactNode, useId, useLayoutEffect, useRef, useState } from 'react';
import { IconButton } from './Button';
import { Layer } from './Layer';
import { useBackdrop } from './useBackdrop';

interface Props {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  description?: ReactNode;
  children?: ReactNode;
  footer?: ReactNode;
  wide?: boolean;
  /** A press beside it does not close it: for what cannot be shown again. */
  holds?: boolean;
}

/**
 * A modal dialog on the platform's own <dialog>: focus stays inside and comes back, Escape closes,
 * and no style is injected that the Content-Security-Policy would refuse.
 */
export function Dialog({ open, ...rest }: Props) {
  return open && <Open {...rest} />;
}

function Open({ onClose, title, description, children, footer, wide = false, holds = false }: Omit<Props, 'open'>) {
  const ref = useRef<HTMLDialogElement>(null);
  const [layer, setLayer] = useState<HTMLElement | null>(null);
  const id = useId();
  const beside = useBackdrop(holds ? undefined : onClose);
  // Before it is taken out of the document: one that is gone gives no focus back.
  useLayoutEffect(() => {
    const dialog = ref.current;
    const opener = openerOf(document.activeElement);
    setLayer(dialog);
    dialog?.showModal();
    return () => {
      dialog?.close();
      opener?.focus({ preventScroll: true });
    };
  }, []);
  return (
    <dialog
      ref={ref}
      aria-labelledby={`${id}-title`}
      aria-describedby={description ? `${id}-description` : undefined}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      {...beside}
      className={`m-auto max-h-[85dvh] w-[calc(100vw-2rem)] overflow-visible rounded-xl border border-line bg-transparent p-0 shadow-pop ${wide ? 'max-w-2xl' : 'max-w-md'}`}
    >
      <Layer value={layer}>
        <div className="flex max-h-[85dvh] flex-col rounded-xl bg-raised">
          <header className={clsx('flex items-start gap-3 px-5 pt-4', wide && 'border-b pb-3')}>
            <div className="min-w-0 flex-1 pt-0.5">
              <h2 id={`${id}-title`} className="text-lg font-semibold">
                {title}
              </h2>
              {description && (
                <p id={`${id}-description`} className="mt-1 text-sm text-muted">
                  {description}
                </p>
              )}
            </div>
            <IconButton label="Close" size="sm" onClick={onClose}>
              <X aria-hidden="true" />
            </IconButton>
          </header>
          <div className="min-h-0 flex-1 overflow-y-auto px-5 py-4">{children}</div>
          {footer && <footer className="flex flex-wrap justify-end gap-2 border-t px-5 py-3">{footer}</footer>}
        </div>
      </Layer>
    </dialog>
  );
}

/** What the focus comes back to. An entry of a menu goes with its menu; what opened that stays. */
function openerOf(element: Element | null): HTMLElement | null {
  const menu = element?.closest('[role=menu]');
  const opener = menu ? document.getElementById(menu.getAttribute('aria-labelledby') ?? '') : element;
  return opener instanceof HTMLElement ? opener : null;
}
