/**
 * How the form library draws fields, objects and lists: our labels and errors, tied together with
 * the controls of `widgets.tsx` for assistive technology. Nothing of its own look is used.
 */
import {
  ADDITIONAL_PROPERTY_FLAG,
  type ArrayFieldItemTemplateProps,
  type ArrayFieldTemplateProps,
  canExpand,
  descriptionId,
  errorId,
  type FieldTemplateProps,
  type MultiSchemaFieldTemplateProps,
  type ObjectFieldTemplateProps,
  type RJSFSchema,
  type TemplatesType,
} from '@rjsf/utils';
import { clsx } from 'clsx';
import { ChevronDown, ChevronUp, Plus, Trash2 } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button, IconButton } from '@/components/Button';
import { Checkbox, Input } from '@/components/Field';
import { passFocus } from '@/components/focus';
import { linesOf, withRest } from './pasted';
import { BaseInputTemplate, isYesOrNo, Required } from './widgets';

/** What the form gives to its templates. */
export interface FormContext {
  /** Puts pasted lines into the list at `path`, from the item at `index` on. */
  pasteLines?: (path: (string | number)[], index: number, lines: string[]) => void;
}

type S = RJSFSchema;

function Errors({ id, errors }: { id: string; errors: readonly string[] | undefined }) {
  if (!errors?.length) return null;
  return (
    <div id={errorId(id)} className="flex flex-col text-xs font-medium text-bad">
      {errors.map((error) => (
        <span key={error}>{error}</span>
      ))}
    </div>
  );
}

const typesOf = (schema: S) => (Array.isArray(schema.type) ? schema.type : [schema.type]);
/** Null is one of the values that it may have, and the others have controls of their own. */
const isNullable = (schema: S) => typesOf(schema).includes('null') && typesOf(schema).length > 1 && !('enum' in schema);

const isContainer = (schema: S) => {
  const types = typesOf(schema);
  return types.includes('object') || (types.includes('array') && !isChoice(schema));
};
const isChoice = (schema: S) =>
  schema.uniqueItems === true && typeof schema.items === 'object' && !Array.isArray(schema.items) && 'enum' in schema.items;

function FieldTemplate({
  id,
  fieldPathId,
  schema,
  label,
  displayLabel,
  required,
  hidden,
  rawErrors,
  rawDescription,
  children,
  formData,
  disabled,
  readonly,
  onChange,
  onKeyRenameBlur,
  onRemoveProperty,
}: FieldTemplateProps<unknown, S, FormContext>) {
  if (hidden) return <div hidden>{children}</div>;
  // Objects and lists draw their own heading; a checkbox stands before its words.
  const isAsked = isYesOrNo(schema, required);
  const isBoolean = typesOf(schema).includes('boolean') && !isAsked;
  const plain = !isContainer(schema) && !isBoolean;
  // The list's heading says what its items are.
  const isItem = typeof fieldPathId.path.at(-1) === 'number';
  const field = (
    <div className="flex min-w-0 flex-1 flex-col gap-1.5" data-field={id}>
      {/* The library takes all that is yes or no for a box with words beside it. */}
      {isAsked && (
        <span className="text-sm font-medium">
          {label}
          <Required />
        </span>
      )}
      {plain && !isAsked && displayLabel && label && (
        <label id={`${id}__label`} htmlFor={id} className={isItem ? 'sr-only' : 'text-sm font-medium'}>
          {isItem ? `${label} ${Number(fieldPathId.path.at(-1)) + 1}` : label}
          {required && !isItem && <Required />}
        </label>
      )}
      {plain && rawDescription && (
        <p id={descriptionId(id)} className="text-xs text-muted">
          {rawDescription}
        </p>
      )}
      {children}
      {isNullable(schema) && (
        <Checkbox
          className="self-start text-xs! text-muted"
          checked={formData === null}
          disabled={disabled || readonly}
          label={
            <>
              No value (null)<span className="sr-only">{` for ${label}`}</span>
            </>
          }
          onChange={(event) => onChange(event.target.checked ? null : undefined, fieldPathId.path)}
        />
      )}
      {isBoolean && rawDescription && (
        <p id={descriptionId(id)} className="pl-6 text-xs text-muted">
          {rawDescription}
        </p>
      )}
      <Errors id={id} errors={rawErrors} />
    </div>
  );
  if (!(ADDITIONAL_PROPERTY_FLAG in schema)) return field;
  return (
    <div className="flex items-end gap-2">
      <div className="flex w-40 flex-col gap-1.5">
        <label htmlFor={`${id}-key`} className="text-sm font-medium">
          Name
        </label>
        <Input id={`${id}-key`} key={label} defaultValue={label} onBlur={onKeyRenameBlur} />
      </div>
      {field}
      <IconButton
        label={`Remove ${label}`}
        onClick={(event) => {
          event.currentTarget.closest('[data-object]')?.querySelector<HTMLElement>(':scope > [data-more]')?.focus();
          onRemoveProperty();
        }}
      >
        <Trash2 aria-hidden="true" />
      </IconButton>
    </div>
  );
}

function ObjectFieldTemplate({
  title,
  description,
  properties,
  schema,
  uiSchema,
  formData,
  fieldPathId,
  onAddProperty,
  required,
  disabled,
  readonly,
}: ObjectFieldTemplateProps<unknown, S, FormContext>) {
  const isRoot = fieldPathId.path.length === 0;
  const content = (
    <div data-object className="flex flex-col gap-5">
      {properties.map((property) => (
        <div key={property.name} hidden={property.hidden}>
          {property.content}
        </div>
      ))}
      {canExpand(schema, uiSchema, formData) && (
        <Button data-more className="self-start" size="sm" icon={<Plus aria-hidden="true" />} disabled={disabled || readonly} onClick={onAddProperty}>
          Add a field
        </Button>
      )}
    </div>
  );
  // The page's heading stands for the root's.
  if (isRoot) return <div id={fieldPathId.$id}>{content}</div>;
  return (
    <fieldset id={fieldPathId.$id} className="min-w-0 rounded-lg border p-4">
      <legend className="-ml-1 px-1 text-sm font-medium">
        {title}
        {required && typeof fieldPathId.path.at(-1) !== 'number' && <Required />}
      </legend>
      {description && (
        <p id={descriptionId(fieldPathId)} className="-mt-1 mb-3 text-xs text-muted">
          {description}
        </p>
      )}
      {content}
    </fieldset>
  );
}

function ArrayFieldTemplate({
  title,
  schema,
  items,
  canAdd,
  onAddClick,
  fieldPathId,
  required,
  disabled,
  readonly,
  registry,
}: ArrayFieldTemplateProps<unknown, S, FormContext>) {
  const item = typeof schema.items === 'object' && !Array.isArray(schema.items) ? schema.items : undefined;
  const isText = item?.type === 'string' && !item.enum;
  const { pasteLines } = registry.formContext;
  return (
    <fieldset
      id={fieldPathId.$id}
      tabIndex={-1}
      className="min-w-0 outline-none"
      onPaste={(event) => {
        if (!isText || !pasteLines || !(event.target instanceof HTMLInputElement)) return;
        const lines = linesOf(event.clipboardData.getData('text'));
        const field = event.target;
        const index = Number(field.id.slice(fieldPathId.$id.length + 1));
        if (lines.length < 2 || !Number.isInteger(index)) return;
        event.preventDefault();
        pasteLines(fieldPathId.path, index, withRest(lines, field));
      }}
    >
      <legend className="mb-1.5 text-sm font-medium">
        {title}
        {required && <Required />}
      </legend>
      {schema.description && (
        <p id={descriptionId(fieldPathId)} className="mb-2 text-xs text-muted">
          {schema.description}
        </p>
      )}
      <div className="flex flex-col gap-2">{items}</div>
      {canAdd && (
        <div className={clsx('flex flex-wrap items-center gap-3', items.length > 0 && 'mt-2')}>
          <Button
            id={`${fieldPathId.$id}__add`}
            size="sm"
            icon={<Plus aria-hidden="true" />}
            disabled={disabled || readonly}
            onClick={onAddClick}
          >
            {`Add ${item?.title ?? 'an item'}`}
          </Button>
          {isText && items.length > 0 && <span className="text-xs text-faint">A pasted list becomes one item a line</span>}
        </div>
      )}
    </fieldset>
  );
}

function ArrayFieldItemTemplate({
  children,
  buttonsProps: { hasMoveUp, hasMoveDown, hasRemove, onMoveUpItem, onMoveDownItem, onRemoveItem, disabled, readonly },
  index,
  totalItems,
  hasToolbar,
  schema,
}: ArrayFieldItemTemplateProps<unknown, S, FormContext>) {
  const off = disabled || readonly;
  return (
    <div data-item className="flex items-start gap-1">
      <div className="min-w-0 flex-1">{children}</div>
      {hasToolbar && (
        <div className={clsx('flex items-center', isContainer(schema) ? 'pt-2.5' : 'pt-0.5')}>
          {totalItems > 1 && (
            <>
              <IconButton label={`Move item ${index + 1} up`} disabled={off || !hasMoveUp} onClick={onMoveUpItem}>
                <ChevronUp aria-hidden="true" />
              </IconButton>
              <IconButton label={`Move item ${index + 1} down`} disabled={off || !hasMoveDown} onClick={onMoveDownItem}>
                <ChevronDown aria-hidden="true" />
              </IconButton>
            </>
          )}
          {hasRemove && (
            <IconButton
              label={`Remove item ${index + 1}`}
              disabled={off}
              onClick={(event) => {
                const list = event.currentTarget.closest('fieldset');
                passFocus(event.currentTarget, '[data-item]', list && document.getElementById(`${list.id}__add`));
                onRemoveItem(event);
              }}
            >
              <Trash2 aria-hidden="true" />
            </IconButton>
          )}
        </div>
      )}
    </div>
  );
}

function MultiSchemaFieldTemplate({ selector, optionSchemaField }: MultiSchemaFieldTemplateProps<unknown, S, FormContext>) {
  return (
    <div className="flex flex-col gap-4 rounded-lg border p-4">
      {selector}
      {optionSchemaField}
    </div>
  );
}

const nothing = (): ReactNode => null;

export const templates: Partial<TemplatesType<unknown, S, FormContext>> = {
  FieldTemplate,
  ObjectFieldTemplate,
  ArrayFieldTemplate,
  ArrayFieldItemTemplate,
  MultiSchemaFieldTemplate,
  BaseInputTemplate,
  // Drawn by FieldTemplate.
  FieldErrorTemplate: nothing,
  DescriptionFieldTemplate: nothing,
  ErrorListTemplate: nothing,
};
