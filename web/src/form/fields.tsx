/** Fields whose values the form library would change: ours, where it has its own. */
import StringField from '@rjsf/core/lib/components/fields/StringField.js';
import type { FieldProps, RegistryFieldsType, RJSFSchema } from '@rjsf/utils';
import { useState } from 'react';
import { inexact } from '@/api/exact';
import type { FormContext } from './templates';

type S = RJSFSchema;

/**
 * A number, as it was written: "1.50" stays so while one writes. One that would be sent as another stays a text, which
 * its control says, and which no schema of numbers takes.
 */
function NumberField(props: FieldProps<unknown, S, FormContext>) {
  const { formData, onChange } = props;
  const [text, setText] = useState<string>();
  const shown = text !== undefined && numberOf(text) === formData ? text : formData;
  return (
    <StringField
      {...props}
      formData={shown}
      onChange={(next, path, errors, id) => {
        // A choice among numbers gives numbers.
        const isWritten = typeof next === 'string' && next !== '';
        setText(isWritten ? next : undefined);
        onChange(isWritten ? numberOf(next) : next, path, errors, id);
      }}
    />
  );
}

function numberOf(text: string): number | string {
  const value = Number(text);
  return Number.isNaN(value) || inexact(text) ? text : value;
}

export const fields: RegistryFieldsType<unknown, S, FormContext> = { NumberField };
