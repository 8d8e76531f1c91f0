import { useRef, useState } from 'react';
import { type ControlProps, Input } from '@/components/Field';

/** While a year is typed it is one of the first thousand: 0002, 0020, 0202. */
const isWhole = (text: string) => text === '' || /^[1-9]\d{3}-/.test(text);

/**
 * A day, typed or picked. It is told when it is whole, for what is told is asked for and comes back as `value`: in the
 * midst of a year that would take the rest of it away.
 */
export function DayInput({
  value,
  min,
  max,
  onChange,
  ...control
}: ControlProps & {
  value: string | undefined;
  min?: string | undefined;
  max?: string | undefined;
  /** `isSameStep`: this visit to the field has told another one before. */
  onChange: (day: string | undefined, isSameStep: boolean) => void;
}) {
  const [text, setText] = useState(value ?? '');
  const [known, setKnown] = useState(value);
  // It was changed from elsewhere.
  if (value !== known) {
    setKnown(value);
    setText(value ?? '');
  }
  const hasTold = useRef(false);
  const tell = (day: string) => {
    if (day === (value ?? '')) return;
    onChange(day || undefined, hasTold.current);
    hasTold.current = true;
  };
  return (
    <Input
      {...control}
      type="date"
      className="h-8! px-1.5!"
      value={text}
      min={min}
      // No year of five digits.
      max={max ?? '9999-12-31'}
      onChange={(event) => {
        setText(event.target.value);
        if (isWhole(event.target.value)) tell(event.target.value);
      }}
      onKeyDown={(event) => {
        if (event.key === 'Enter') tell(text);
      }}
      onBlur={() => {
        tell(text);
        hasTold.current = false;
      }}
    />
  );
}
