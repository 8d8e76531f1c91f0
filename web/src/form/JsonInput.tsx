import { useState } from 'react';
import { isObject, type JsonValue } from '@/api/json';
import { Textarea } from '@/components/Field';
import { type Issue, placeWords } from './issues';

/** The same value as text. What does not parse stays in the box and is said below it. */
export function JsonInput({
  label,
  value,
  issues,
  disabled,
  onChange,
  onBroken,
}: {
  label: string;
  value: JsonValue;
  issues: readonly Issue[];
  disabled: boolean;
  onChange: (value: JsonValue) => void;
  /** Whether what stands here is not JSON. */
  onBroken: (broken: boolean) => void;
}) {
  const [text, setText] = useState(() => JSON.stringify(value, null, 2));
  const [error, setError] = useState<string>();
  const edit = (next: string) => {
    setText(next);
    try {
      const parsed: unknown = JSON.parse(next);
      setError(undefined);
      onBroken(false);
      onChange(parsed as JsonValue);
    } catch (problem) {
      setError(problem instanceof Error ? problem.message : String(problem));
      onBroken(true);
    }
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
        {error && <span>{`This is not JSON, so there is no form for it: ${error}`}</span>}
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
