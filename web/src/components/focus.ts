/**
 * The focus, when the row goes whose button has it: to the last button of the next row, or of the one before, or else to
 * `otherwise`. To be called before the row is taken away; without it whoever goes by keyboard begins at the top again.
 */
export function passFocus(from: HTMLElement, rows: string, otherwise: HTMLElement | null | undefined): void {
  const row = from.closest(rows);
  const buttons = [row?.nextElementSibling, row?.previousElementSibling].flatMap((one) => [
    ...(one?.querySelectorAll<HTMLButtonElement>('button:enabled') ?? []),
  ].slice(-1));
  (buttons[0] ?? otherwise)?.focus();
}
