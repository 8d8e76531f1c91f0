/**
 * Labels and limits, which are folded away until somebody wants them: what is wrong with them opens them, and stands on
 * its field.
 */
import { type RefObject, useEffect, useState } from 'react';

const FIELDS = ['labels', 'ttlSeconds', 'maxDurationSeconds'] as const;
export type AsideField = (typeof FIELDS)[number];

/** As many seconds as the API takes. */
export const MOST = { ttlSeconds: 2_592_000, maxDurationSeconds: 2_073_600 } as const;

/** The field that a refusal is about; undefined where it is about something else. */
export function fieldOf({ path }: { path?: readonly string[] | null | undefined }): AsideField | undefined {
  return FIELDS.find((one) => path?.includes(one));
}

/** What a number field holds, as a number field takes it ("1e3" is one); nothing where it is empty. */
export function seconds(text: string, most: number): { value?: number; error?: string } {
  if (text.trim() === '') return {};
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) return { error: 'Whole seconds, at least 1.' };
  return value > most ? { error: `${most} seconds at most.` } : { value };
}

/** `fold` is where they are. While `isBusy` the fields are disabled, and take no focus. */
export function useAside(fold: RefObject<HTMLElement | null>, isBusy: boolean) {
  const [isOpen, setOpen] = useState(false);
  const [errors, setErrors] = useState<Partial<Record<AsideField, string>>>({});
  /** Another number each time that the reader is to be led there. */
  const [sought, setSought] = useState(0);
  const open = () => {
    setOpen(true);
    setSought((one) => one + 1);
  };
  useEffect(() => {
    if (sought > 0 && !isBusy) fold.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus();
  }, [fold, sought, isBusy]);
  const show = (found: Partial<Record<AsideField, string>>) => {
    setErrors(found);
    if (Object.keys(found).length > 0) open();
  };
  return { isOpen, setOpen, errors, open, show };
}
