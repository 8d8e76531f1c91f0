import { clsx } from 'clsx';
import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { IconButton } from './Button';

const SAID = { copied: 'Copied', refused: 'The browser did not let it be copied: select it instead.' };
/** Longer where there is something to read. */
const SHOWN_MS = { copied: 1_500, refused: 6_000 };

/** Copies `text` and says that it did, or that it could not. */
export function CopyButton({ text, label = 'Copy', className }: { text: string | (() => string); label?: string; className?: string }) {
  const [became, setBecame] = useState<keyof typeof SAID>();
  useEffect(() => {
    if (!became) return;
    const timer = setTimeout(() => setBecame(undefined), SHOWN_MS[became]);
    return () => clearTimeout(timer);
  }, [became]);
  const copy = async () => {
    const value = typeof text === 'string' ? text : text();
    try {
      // Without a secure context (plain HTTP to another machine) there is no clipboard.
      await navigator.clipboard.writeText(value);
      setBecame('copied');
    } catch {
      setBecame('refused');
    }
  };
  return (
    <span className={clsx('relative inline-flex', className)}>
      <IconButton size="sm" label={became === 'copied' ? SAID.copied : label} onClick={() => void copy()}>
        {became === 'copied' ? <Check aria-hidden="true" className="text-ok" /> : <Copy aria-hidden="true" />}
      </IconButton>
      <span
        role="status"
        className={
          became === 'refused'
            ? 'absolute top-full right-0 z-10 mt-1 w-44 rounded-md border bg-raised px-2 py-1 text-left font-sans text-xs font-normal whitespace-normal text-text shadow-pop'
            : 'sr-only'
        }
      >
        {became && SAID[became]}
      </span>
    </span>
  );
}
