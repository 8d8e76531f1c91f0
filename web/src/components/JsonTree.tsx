/**
 * JSON to read: members fold, long strings and long lists open on demand, and any part can be
 * copied. Drawn lazily, so a large document costs what is open of it.
 */
import { clsx } from 'clsx';
import { ChevronRight } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { isObject, type JsonValue } from '@/api/json';
import { CopyButton } from './CopyButton';

const PAGE = 100;
const LONG = 600;

export function JsonTree({
  value,
  label = 'JSON',
  openDepth = 2,
  className,
}: {
  value: JsonValue;
  label?: string;
  /** How many levels are open at first. */
  openDepth?: number;
  className?: string;
}) {
  return (
    <div
      role="group"
      aria-label={label}
      className={clsx('relative rounded-lg border bg-sunken font-mono text-xs leading-5', className)}
    >
      <CopyButton
        label={`Copy ${label}`}
        text={() => JSON.stringify(value, null, 2)}
        className="absolute! top-1.5 right-1.5 z-10 bg-sunken!"
      />
      <div className="max-h-[32rem] overflow-auto p-3 pr-10" tabIndex={0} role="group" aria-label={`${label}, contents`}>
        <Node value={value} depth={0} openDepth={openDepth} comma={false} />
      </div>
    </div>
  );
}

function Node({
  name,
  value,
  depth,
  openDepth,
  comma,
}: {
  name?: string;
  value: JsonValue;
  depth: number;
  openDepth: number;
  comma: boolean;
}) {
  const [open, setOpen] = useState(depth < openDepth);
  const [shown, setShown] = useState(PAGE);
  const entries: [string | undefined, JsonValue][] | undefined = Array.isArray(value)
    ? value.map((one) => [undefined, one])
    : isObject(value)
      ? Object.entries(value)
      : undefined;
  const key = name !== undefined && (
    <>
      <span className="text-code-key">{JSON.stringify(name)}</span>
      <span className="text-faint">: </span>
    </>
  );
  const end = comma && <span className="text-faint">,</span>;

  if (!entries || entries.length === 0) {
    return (
      <div className="pl-4 wrap-anywhere">
        {key}
        {entries ? <span className="text-faint">{Array.isArray(value) ? '[]' : '{}'}</span> : <Scalar value={value} />}
        {end}
      </div>
    );
  }
  const [opening, closing] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  return (
    <div>
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="flex w-full items-start rounded text-left hover:bg-hover focus-visible:outline-offset-0"
      >
        <ChevronRight
          aria-hidden="true"
          className={clsx('mt-1 mr-0.5 size-3 shrink-0 text-faint transition-transform', open && 'rotate-90')}
        />
        <span className="min-w-0">
          {key}
          <span className="text-faint">
            {opening}
            {!open && (
              <>
                {` ${entries.length} ${entries.length === 1 ? 'entry' : 'entries'} `}
                {closing}
                {comma && ','}
              </>
            )}
          </span>
        </span>
      </button>
      {open && (
        <>
          <div className="ml-1.5 border-l pl-2">
            {entries.slice(0, shown).map(([member, one], index) => (
              <Node
                // A document does not change while it is shown, so places are identities.
                key={member ?? index}
                {...(member === undefined ? {} : { name: member })}
                value={one}
                depth={depth + 1}
                openDepth={openDepth}
                comma={index < entries.length - 1}
              />
            ))}
            {entries.length > shown && (
              <button
                type="button"
                onClick={() => setShown(shown + PAGE)}
                className="ml-4 rounded font-sans text-accent-text hover:underline"
              >
                {`Show ${Math.min(PAGE, entries.length - shown)} more of ${entries.length}`}
              </button>
            )}
          </div>
          <div className="pl-4 text-faint">
            {closing}
            {comma && ','}
          </div>
        </>
      )}
    </div>
  );
}

function Scalar({ value }: { value: JsonValue }): ReactNode {
  const [whole, setWhole] = useState(false);
  if (typeof value === 'string') {
    const cut = !whole && value.length > LONG;
    return (
      <span className="text-code-string">
        {JSON.stringify(cut ? value.slice(0, LONG) : value)}
        {cut && (
          <button
            type="button"
            onClick={() => setWhole(true)}
            className="ml-1 rounded font-sans text-accent-text hover:underline"
          >
            {`Show all ${value.length} characters`}
          </button>
        )}
      </span>
    );
  }
  if (typeof value === 'number') return <span className="text-code-number">{String(value)}</span>;
  return <span className="text-code-keyword">{String(value)}</span>;
}
