import { clsx } from 'clsx';
import { Search } from 'lucide-react';
import { useEffect, useEffectEvent, useState } from 'react';
import { controlClass } from './Field';

/** Each letter would be a request: it waits until one has stopped typing. */
const TYPING_MS = 250;

/** Finds as one types. */
export function SearchField({
  label,
  placeholder,
  value,
  onChange,
  size = 'md',
  className,
}: {
  /** Read aloud: what is searched, and by what. */
  label: string;
  placeholder: string;
  /** What was searched for last, without blanks around it. */
  value: string;
  onChange: (value: string) => void;
  size?: 'sm' | 'md';
  className?: string;
}) {
  const [text, setText] = useState(value);
  const [sent, setSent] = useState(value);
  const [known, setKnown] = useState(value);
  // It was changed from elsewhere: filters were cleared, or the reader went back.
  if (value !== known) {
    setKnown(value);
    if (value !== sent) {
      setSent(value);
      setText(value);
    }
  }
  // The latest `onChange`, which is another one with each drawing: a list that changes ten times a second must not keep
  // the timer from ending.
  const send = useEffectEvent((wanted: string) => {
    setSent(wanted);
    onChange(wanted);
  });
  useEffect(() => {
    const wanted = text.trim();
    if (wanted === sent) return;
    const timer = setTimeout(() => send(wanted), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text, sent]);
  return (
    <div className={clsx('relative', className)}>
      <Search aria-hidden="true" className="pointer-events-none absolute top-1/2 left-2.5 size-4 -translate-y-1/2 text-faint" />
      <input
        type="search"
        aria-label={label}
        placeholder={placeholder}
        maxLength={200}
        value={text}
        onChange={(event) => setText(event.target.value)}
        className={`${controlClass} ${size === 'sm' ? 'h-8' : 'h-9'} pl-8`}
      />
    </div>
  );
}
