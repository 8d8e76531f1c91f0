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
import { inexact } from '@/api/exact';
import type { JsonValue } from '@/api/json';
import { Checkbox, Input, Select, Textarea } from '@/components/Field';
import type { FormContext } from './templates';

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

function CheckboxWidget({ id, value, disabled, readonly, label, schema, rawErrors, required, onChange }: Widget) {
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
};
