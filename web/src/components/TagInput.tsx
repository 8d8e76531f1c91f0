import { X } from 'lucide-react';
import { type ComponentProps, useRef, useState } from 'react';
import { controlClass } from './Field';

/** Short texts, one after the other: Enter or a comma ends one, Backspace takes the last away. */
export function TagInput({
  value,
  onChange,
  maxLength,
  ...rest
}: Omit<ComponentProps<'input'>, 'value' | 'onChange'> & { value: string[]; onChange: (value: string[]) => void }) {
  const [text, setText] = useState('');
  const field = useRef<HTMLInputElement>(null);
  const add = (raw: string) => {
    const fresh = raw
      .split(/[,\n]/)
      .map((one) => one.trim())
      .filter((one) => one !== '' && !value.includes(one));
    if (fresh.length > 0) onChange([...value, ...new Set(fresh)]);
    setText('');
  };
  return (
    <div
      className={`${controlClass} flex min-h-9 flex-wrap items-center gap-1.5 py-1.5 focus-within:outline-2 focus-within:outline-focus`}
    >
      {value.map((tag) => (
        <span key={tag} className="inline-flex max-w-full items-center gap-1 rounded-md bg-sunken py-px pr-0.5 pl-1.5 text-xs">
          <span className="truncate">{tag}</span>
          <button
            type="button"
            aria-label={`Remove ${tag}`}
            onClick={() => {
              onChange(value.filter((one) => one !== tag));
              // The button goes with its tag.
              field.current?.focus();
            }}
            className="rounded p-0.5 text-faint hover:bg-hover hover:text-text"
          >
            <X aria-hidden="true" className="size-3" />
          </button>
        </span>
      ))}
      <input
        {...rest}
        ref={field}
        value={text}
        maxLength={maxLength}
        className="min-w-24 flex-1 bg-transparent outline-none placeholder:text-faint"
        onChange={(event) => (event.target.value.includes(',') ? add(event.target.value) : setText(event.target.value))}
        onBlur={() => add(text)}
        onKeyDown={(event) => {
          // An input method's Enter takes its suggestion.
          if (event.key === 'Enter' && !event.nativeEvent.isComposing && text.trim()) {
            event.preventDefault();
            add(text);
          } else if (event.key === 'Backspace' && text === '') onChange(value.slice(0, -1));
        }}
      />
    </div>
  );
}
