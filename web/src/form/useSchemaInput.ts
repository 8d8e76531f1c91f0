import { type RefObject, useCallback, useEffect, useState } from 'react';
import type { JsonValue } from '@/api/json';
import { fieldOf, type Issue, standing } from './issues';

export type View = 'form' | 'json';

/** A value that somebody fills in, and what the server found wrong with it. */
export interface SchemaInputState {
  value: JsonValue;
  issues: readonly Issue[];
  view: View;
  /** What stands in the JSON view, where that is no JSON that can be sent. */
  broken: string | undefined;
  isBroken: boolean;
  /** Another number is another drawing, for values that do not come from its own fields. */
  drawing: number;
  /** Somebody filled something in: not what the schema has by default, nor what it began with. */
  isFilledIn: boolean;
  /** `isByHand` is false for what the form itself filled in. */
  edit(value: JsonValue, isByHand?: boolean): void;
  /** Another value as a whole, such as an example. */
  replace(value: JsonValue): void;
  /** Shows what is wrong, and takes the reader to the first of it. None takes away what was shown. */
  show(issues: readonly Issue[]): void;
  toSummary(): void;
  goTo(issue: Issue): void;
  setView(view: View): void;
  setBroken(text: string | undefined): void;
}

/** What was filled in before, and is there again. */
export interface FilledIn {
  value: JsonValue;
  broken?: string | undefined;
}

/**
 * `summary` is what stands above the form, and takes the focus where no field does. While `isBusy`
 * the fields are disabled, and take none.
 */
export function useSchemaInput(
  initial: JsonValue,
  summary: RefObject<HTMLElement | null>,
  isBusy: boolean,
  before?: FilledIn,
): SchemaInputState {
  const [value, setValue] = useState(before ? before.value : initial);
  const [isTouched, setTouched] = useState(before !== undefined);
  const [issues, setIssues] = useState<readonly Issue[]>([]);
  const [view, setView] = useState<View>(before?.broken === undefined ? 'form' : 'json');
  const [broken, setBroken] = useState(before?.broken);
  const isBroken = broken !== undefined;
  const [drawing, setDrawing] = useState(0);
  const [sought, setSought] = useState<{ issue: Issue | undefined }>();

  const edit = useCallback(
    (next: JsonValue, isByHand = true) => {
      setIssues((all) => standing(all, value, next));
      if (isByHand) setTouched(true);
      setValue(next);
    },
    [value],
  );
  const replace = (next: JsonValue) => {
    setIssues([]);
    setTouched(true);
    setValue(next);
    setBroken(undefined);
    setDrawing((one) => one + 1);
  };
  const show = (found: readonly Issue[]) => {
    setIssues(found);
    if (found.length > 0) setSought({ issue: view === 'form' ? found[0] : undefined });
  };
  const toSummary = () => setSought({ issue: undefined });
  const goTo = (issue: Issue) => {
    if (!isBroken) setView('form');
    setSought({ issue });
  };
  useEffect(() => {
    if (!sought || isBusy) return;
    const field = sought.issue && fieldOf(sought.issue);
    (field ?? summary.current)?.focus();
  }, [sought, summary, isBusy]);

  const isFilledIn = isBroken || (isTouched && JSON.stringify(value) !== JSON.stringify(initial));
  return { value, isFilledIn, issues, view, broken, isBroken, drawing, edit, replace, show, toSummary, goTo, setView, setBroken };
}
