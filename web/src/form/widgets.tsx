/** The controls of a form that is drawn from a schema: ours, where the form library has its own. */
import {
  type BaseInputTemplateProps,
  descriptionId,
  enumOptionSelectedValue,
  enumOptionValueDecoder,
  enumOptionValueEncoder,
  errorId,
  getInputProps,
  type RegistryWidgetsType,
  type RJSFSchema,
  type WidgetProps,
} from '@rjsf/utils';
import { clsx } from 'clsx';
import { useState } from 'react';
import { inexact } from '@/api/exact';
import type { JsonValue } from '@/api/json';
import { Checkbox, Input, Select, Textarea } from '@/components/Field';
import type { FormContext } from './templates';
import { offsets, ownOffset, partsOf, timeOf } from './time';

type S = RJSFSchema;
type Widget = WidgetProps<unknown, S, FormContext>;

/** The ids of what explains a field, of those that there are. */
function describedBy(id: string, schema: S, errors: readonly string[] | undefined): string | undefined {
  const ids = [schema.description ? descriptionId(id) : '', errors?.length ? errorId(id) : ''].filter(Boolean);
  return ids.length > 0 ? ids.join(' ') : undefined;
}

export function Required() {
  return (
    <span aria-hidden="true" className="text-bad">
      {' '}
      *
    </span>
  );
}

/** A field of a list has its label in the list's heading; read aloud it needs one of its own. */
const spoken = ({ id, label, hideLabel }: Widget) => {
  if (/__(one|any)of_select$/.test(id)) return { 'aria-label': 'Kind' };
  return hideLabel && label ? { 'aria-label': label } : {};
};

export function BaseInputTemplate(props: BaseInputTemplateProps<unknown, S, FormContext>) {
  const { id, value, required, disabled, readonly, placeholder, schema, options, type, rawErrors, onChange, onBlur, onFocus } = props;
  const { onChangeOverride } = props;
  const { step, min, max, type: inputType } = getInputProps<unknown, S, FormContext>(schema, type, options);
  const isNumber = inputType === 'number' || inputType === 'integer';
  const changed = isNumber && typeof value === 'string' ? inexact(value) : undefined;
  return (
    <>
      <Input
        id={id}
        {...spoken(props)}
        type={inputType}
        step={step}
        min={min}
        max={max}
        className={clsx((isNumber || inputType === 'date' || inputType === 'time') && 'max-w-48', inputType === 'datetime-local' && 'max-w-64')}
        value={value === undefined || value === null ? '' : String(value)}
        placeholder={placeholder}
        disabled={disabled}
        readOnly={readonly}
        aria-required={required || undefined}
        aria-invalid={rawErrors?.length || changed ? true : undefined}
        aria-describedby={[describedBy(id, schema, rawErrors), changed && `${id}__changed`].filter(Boolean).join(' ') || undefined}
        list={Array.isArray(schema.examples) ? `${id}__examples` : undefined}
        onChange={onChangeOverride ?? ((event) => onChange(event.target.value === '' ? options.emptyValue : event.target.value))}
        onBlur={(event) => onBlur(id, event.target.value)}
        onFocus={(event) => onFocus(id, event.target.value)}
      />
      {changed && (
        <p id={`${id}__changed`} role="alert" className="text-xs font-medium text-bad">
          {changed}
        </p>
      )}
      {Array.isArray(schema.examples) && (
        <datalist id={`${id}__examples`}>
          {schema.examples.map((example) => (
            <option key={String(example)}>{String(example)}</option>
          ))}
        </datalist>
      )}
    </>
  );
}

function TextareaWidget(props: Widget) {
  const { id, value, required, disabled, readonly, placeholder, schema, options, rawErrors, onChange } = props;
  return (
    <Textarea
      id={id}
      {...spoken(props)}
      rows={4}
      value={typeof value === 'string' ? value : ''}
      placeholder={placeholder}
      disabled={disabled}
      readOnly={readonly}
      aria-required={required || undefined}
      aria-invalid={rawErrors?.length ? true : undefined}
      aria-describedby={describedBy(id, schema, rawErrors)}
      onChange={(event) => onChange(event.target.value === '' ? options.emptyValue : event.target.value)}
    />
  );
}

function SelectWidget(props: Widget) {
  const { id, value, required, disabled, readonly, multiple, placeholder, schema, options, rawErrors, onChange } = props;
  const { enumOptions = [], emptyValue } = options;
  if (multiple) return <CheckboxesWidget {...props} />;
  return (
    <Select
      id={id}
      {...spoken(props)}
      className="max-w-md"
      value={String(enumOptionSelectedValue<S>(value, enumOptions, false, 'indexed', ''))}
      disabled={disabled || readonly}
      aria-required={required || undefined}
      aria-invalid={rawErrors?.length ? true : undefined}
      aria-describedby={describedBy(id, schema, rawErrors)}
      onChange={(event) => onChange(enumOptionValueDecoder<S>(event.target.value, enumOptions, 'indexed', emptyValue))}
    >
      {schema.default === undefined && <option value="">{placeholder || (required ? 'Choose…' : 'Not set')}</option>}
      {enumOptions.map((option, at) => (
        <option key={String(option.value)} value={String(enumOptionValueEncoder(option.value, at, 'indexed'))}>
          {option.label}
        </option>
      ))}
    </Select>
  );
}

/** Of two values one has to be chosen: a box that is empty would look like "no", and say nothing. */
export const isYesOrNo = (schema: S, required: boolean | undefined): boolean =>
  schema.type === 'boolean' && required === true && schema.default === undefined && schema.const === undefined && !schema.enum;

function CheckboxWidget(props: Widget) {
  const { id, value, disabled, readonly, label, schema, rawErrors, required, onChange } = props;
  if (isYesOrNo(schema, required)) return <YesOrNo {...props} />;
  return (
    <Checkbox
      id={id}
      checked={value === true}
      disabled={disabled || readonly}
      aria-invalid={rawErrors?.length ? true : undefined}
      aria-describedby={describedBy(id, schema, rawErrors)}
      onChange={(event) => onChange(event.target.checked)}
      label={
        <span className="font-medium">
          {label}
          {required && schema.const === true && <Required />}
        </span>
      }
    />
  );
}

function YesOrNo({ id, value, disabled, readonly, label, schema, rawErrors, onChange }: Widget) {
  return (
    <div
      id={id}
      role="radiogroup"
      tabIndex={-1}
      aria-label={label}
      aria-required
      aria-invalid={rawErrors?.length ? true : undefined}
      aria-describedby={describedBy(id, schema, rawErrors)}
      className="flex gap-x-5 outline-none"
    >
      {[true, false].map((one) => (
        <label key={String(one)} className="inline-flex items-center gap-2 text-sm">
          <input
            type="radio"
            name={id}
            checked={value === one}
            disabled={disabled || readonly}
            onChange={() => onChange(one)}
            className="size-4 shrink-0 accent-accent"
          />
          {one ? 'Yes' : 'No'}
        </label>
      ))}
    </div>
  );
}

/** The library's own has no offset, and so is no time to the server. */
function TimeWidget(props: Widget) {
  const { id, value, label, required, disabled, readonly, schema, options, rawErrors, onChange } = props;
  const { time, offset: written } = partsOf(value);
  const [chosen, setChosen] = useState(ownOffset);
  const offset = written ?? chosen;
  return (
    <div className="flex flex-wrap gap-2">
      <Input
        id={id}
        {...spoken(props)}
        type="time"
        step={1}
        className="max-w-40"
        value={time}
        disabled={disabled}
        readOnly={readonly}
        aria-required={required || undefined}
        aria-invalid={rawErrors?.length ? true : undefined}
        aria-describedby={describedBy(id, schema, rawErrors)}
        onChange={(event) => onChange(event.target.value === '' ? options.emptyValue : timeOf(event.target.value, offset))}
      />
      <Select
        aria-label={`${label}: offset from UTC`}
        value={offset}
        disabled={disabled || readonly}
        onChange={(event) => {
          setChosen(event.target.value);
          if (time !== '') onChange(timeOf(time, event.target.value));
        }}
      >
        {offsets(offset).map((one) => (
          <option key={one} value={one}>
            {one === 'Z' ? 'UTC' : `UTC${one}`}
          </option>
        ))}
      </Select>
    </div>
  );
}

function CheckboxesWidget({ id, value, options, disabled, readonly, label, onChange }: Widget) {
  const chosen: JsonValue[] = Array.isArray(value) ? value : [];
  const holds = (one: JsonValue) => chosen.some((other) => JSON.stringify(other) === JSON.stringify(one));
  return (
    <div role="group" aria-label={label} id={id} className="flex flex-wrap gap-x-5 gap-y-2">
      {options.enumOptions?.map((option) => (
        <Checkbox
          key={String(option.value)}
          checked={holds(option.value)}
          disabled={disabled || readonly}
          label={option.label}
          onChange={(event) =>
            onChange(
              event.target.checked
                ? [...chosen, option.value]
                : chosen.filter((one) => JSON.stringify(one) !== JSON.stringify(option.value)),
            )
          }
        />
      ))}
    </div>
  );
}

export const widgets: RegistryWidgetsType<unknown, S, FormContext> = {
  TextareaWidget,
  SelectWidget,
  CheckboxWidget,
  CheckboxesWidget,
  TimeWidget,
};
