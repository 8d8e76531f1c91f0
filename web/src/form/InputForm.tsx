/** A value drawn from its JSON Schema. */
// Not the package's index: that also brings what its tests need.
import Form from '@rjsf/core/lib/components/Form.js';
import type { RJSFSchema, UiSchema } from '@rjsf/utils';
import { useEffect, useMemo, useRef, useState } from 'react';
import { isObject, type JsonObject, type JsonValue } from '@/api/json';
import { fields } from './fields';
import { errorSchema, ID_PREFIX, type Issue } from './issues';
import { pasted } from './pasted';
import { type FormContext, templates } from './templates';
import { validator } from './validator';
import { widgets } from './widgets';
import { written } from './written';

/** Longer texts get room. */
const LONG = 200;

/** What is required is not answered for anybody: "no" is an answer. */
const DEFAULTS = { requiredBooleanDefault: 'skip' } as const;

export function InputForm({
  schema,
  value,
  issues,
  disabled,
  onChange,
}: {
  schema: JsonValue;
  value: JsonValue;
  issues: readonly Issue[];
  disabled: boolean;
  onChange: (value: JsonValue, isByHand: boolean) => void;
}) {
  const errors = useMemo(() => errorSchema(issues), [issues]);
  const drawn = useMemo(() => (isObject(schema) ? withoutMeta(schema) : {}), [schema]);
  const ui = useMemo(() => uiSchema(drawn as JsonObject), [drawn]);
  // The library keeps the first that it is given: functions are all the same to it.
  const latest = useRef({ value, onChange });
  useEffect(() => {
    latest.current = { value, onChange };
  });
  const [context] = useState((): FormContext => ({
    pasteLines: (path, index, lines) => latest.current.onChange(pasted(latest.current.value, path, index, lines), true),
  }));
  return (
    <Form<unknown, RJSFSchema, FormContext>
      tagName="div"
      idPrefix={ID_PREFIX}
      schema={drawn}
      uiSchema={ui}
      validator={validator}
      templates={templates}
      widgets={widgets}
      fields={fields}
      formData={value}
      formContext={context}
      extraErrors={errors}
      experimental_defaultFormStateBehavior={DEFAULTS}
      disabled={disabled}
      noValidate
      noHtml5Validate
      showErrorList={false}
      // With nothing about a field it is the form itself, filling in what the schema has by default.
      onChange={(event, ...field) => onChange(written((event.formData ?? {}) as JsonValue, schema), field.length > 0)}
    >
      {/* The page has the button. */}
      <></>
    </Form>
  );
}

/** The library knows draft 7's names; the schema's own dialect would only make it doubt. */
function withoutMeta(schema: JsonObject): RJSFSchema {
  return Object.fromEntries(Object.entries(schema).filter(([name]) => name !== '$schema')) as RJSFSchema;
}

/** Long texts are drawn as such; everything else as the schema says. */
function uiSchema(schema: JsonObject): UiSchema<unknown, RJSFSchema, FormContext> {
  const ui: UiSchema<unknown, RJSFSchema, FormContext> = {};
  const properties = isObject(schema.properties) ? schema.properties : {};
  for (const [name, property] of Object.entries(properties)) {
    if (!isObject(property)) continue;
    if (isText(property)) ui[name] = { 'ui:widget': 'textarea' };
    else if (isObject(property.properties)) ui[name] = uiSchema(property);
    else if (isObject(property.items)) ui[name] = { items: isText(property.items) ? { 'ui:widget': 'textarea' } : uiSchema(property.items) };
  }
  return ui;
}

const isText = (schema: JsonObject) =>
  schema.type === 'string' &&
  !('enum' in schema) &&
  !('format' in schema) &&
  !('pattern' in schema) &&
  typeof schema.maxLength === 'number' &&
  schema.maxLength >= LONG;
