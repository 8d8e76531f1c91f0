/** A value that a JSON Schema describes: as a form and, beside it, as the JSON that it is. */
import type { ReactNode } from 'react';
import type { JsonValue } from '@/api/json';
import { Tabs } from '@/components/Tabs';
import { InputForm } from './InputForm';
import { JsonInput } from './JsonInput';
import type { SchemaInputState } from './useSchemaInput';

export function SchemaInput({
  label,
  schema,
  input,
  disabled,
  trailing,
}: {
  /** What it is: "Input", "Configuration". */
  label: string;
  schema: JsonValue;
  input: SchemaInputState;
  disabled: boolean;
  trailing?: ReactNode;
}) {
  const { value, issues, view, broken, isBroken, drawing, edit, setView, setBroken } = input;
  return (
    <Tabs
      label={label}
      value={view}
      onChange={(next) => {
        // Text that is no JSON, or whose numbers would change, has no form: it says so, and stays.
        if (next === 'json' || !isBroken) setView(next === 'json' ? 'json' : 'form');
      }}
      tabs={[
        {
          key: 'form',
          label: 'Form',
          content: <InputForm key={drawing} schema={schema} value={value} issues={issues} disabled={disabled} onChange={edit} />,
        },
        {
          key: 'json',
          label: 'JSON',
          content: (
            <JsonInput
              key={drawing}
              label={label}
              value={value}
              broken={broken}
              issues={issues}
              disabled={disabled}
              onChange={edit}
              onBroken={setBroken}
            />
          ),
        },
      ]}
      trailing={trailing}
    />
  );
}
