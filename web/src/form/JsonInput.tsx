import { useState } from 'react';
import { firstInexact } from '@/api/exact';
import { isObject, type JsonValue } from '@/api/json';
import { Textarea } from '@/components/Field';
import { type Issue, placeWords } from './issues';

/**
 * The same value as text. What does not parse stays in the box and is said below it, and so does a number that would be
 * sent as another one.
 */
export function JsonInput({
  label,
  value,
  broken,
  issues,
  disabled,
  onChange,
  onBroken,
}: {
  label: string;
  value: JsonValue;
  /** What stood here last, where that was no JSON. */
  broken: string | undefined;
  issues: readonly Issue[];
  disabled: boolean;
  onChange: (value: JsonValue) => void;
  /** What stands here, where that is no JSON that can be sent. */
  onBroken: (text: string | undefined) => void;
}) {
  const [text, setText] = useState(() => broken ?? JSON.stringify(value, null, 2));
  const [error, setError] = useState(() => (broken === undefined ? undefined : problemOf(broken)));
  const edit = (next: string) => {
    setText(next);
    const problem = problemOf(next);
    setError(problem);
    onBroken(problem === undefined ? undefined : next);
    if (problem === undefined) onChange(JSON.parse(next) as JsonValue);
  };
  return (
    <div className="flex flex-col gap-2">
      <Textarea
        aria-label={`${label} as JSON`}
        aria-invalid={error || issues.length > 0 ? true : undefined}
        aria-describedby="json-problems"
        spellCheck={false}
        disabled={disabled}
        rows={Math.min(24, Math.max(8, text.split('\n').length + 1))}
        className="font-mono text-xs leading-5"
        value={text}
        onChange={(event) => edit(event.target.value)}
      />
      <div id="json-problems" aria-live="polite" className="flex flex-col gap-0.5 text-xs font-medium text-bad">
        {error && <span>{error}</span>}
        {!error && !isObject(value) && <span>It has to be an object: {'{ … }'}</span>}
        {issues.map((issue) => (
          <span key={`${issue.pointer} ${issue.property} ${issue.message}`}>
            {placeWords(issue) && <code className="mr-1.5">{placeWords(issue)}</code>}
            {issue.message}
          </span>
        ))}
      </div>
    </div>
  );
}

function problemOf(text: string): string | undefined {
  try {
    JSON.parse(text);
  } catch (problem) {
    return `This is not JSON, so there is no form for it: ${problem instanceof Error ? problem.message : String(problem)}`;
  }
  return firstInexact(text);
}
