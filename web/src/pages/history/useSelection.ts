import { useCallback, useState } from 'react';
import type { Row } from './list';

const NOTHING: ReadonlyMap<string, Row> = new Map();

/**
 * What is selected in a list, by id. It stays over the pages of that list. Another list starts empty: nothing is done to
 * rows that were chosen elsewhere and are no longer seen.
 */
export function useSelection(list: string) {
  const [selection, setSelection] = useState({ list, rows: NOTHING });
  if (selection.list !== list) setSelection({ list, rows: NOTHING });
  const change = useCallback(
    (by: (rows: Map<string, Row>) => void) =>
      setSelection((was) => {
        const rows = new Map(was.rows);
        by(rows);
        return { ...was, rows };
      }),
    [],
  );
  const select = useCallback(
    (rows: readonly Row[], on: boolean) =>
      change((all) => {
        for (const row of rows) {
          if (on) all.set(row.id, row);
          else all.delete(row.id);
        }
      }),
    [change],
  );
  const deselect = useCallback(
    (ids: readonly string[]) =>
      change((all) => {
        for (const id of ids) all.delete(id);
      }),
    [change],
  );
  return { selected: selection.rows, select, deselect };
}
