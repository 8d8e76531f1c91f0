import { clsx } from 'clsx';
import { FileText, RotateCw, Trash2, Upload } from 'lucide-react';
import { useId, useState } from 'react';
import { IconButton } from '@/components/Button';
import { passFocus } from '@/components/focus';
import { bytes } from '@/components/time';
import type { Picked, Rules } from './files';

/** Files by dragging or by choosing, with the rules in words and what became of each. */
export function DropZone({
  files,
  rules,
  onAdd,
  onRemove,
  onRetry,
}: {
  files: readonly Picked[];
  rules: Rules;
  onAdd: (files: Iterable<File>) => void;
  onRemove: (key: string) => void;
  onRetry: (file: Picked) => void;
}) {
  const [over, setOver] = useState(false);
  const id = useId();
  return (
    <div className="flex flex-col gap-2">
      <label
        htmlFor={id}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          onAdd(event.dataTransfer.files);
        }}
        className={clsx(
          'flex cursor-pointer flex-col items-center gap-1 rounded-lg border border-dashed px-4 py-6 text-center text-sm transition-colors',
          'focus-within:outline-2 focus-within:outline-offset-2 focus-within:outline-focus',
          over ? 'border-accent bg-accent-soft' : 'border-line-strong hover:bg-hover',
        )}
      >
        <Upload aria-hidden="true" className="mb-1 size-5 text-faint" />
        <span>
          <span className="font-medium text-accent-text">Choose files</span> or drop them here
        </span>
        <span id={`${id}-rules`} className="text-xs text-muted">
          {`${rules.extensions.join(', ')} · up to ${rules.maxFiles} ${rules.maxFiles === 1 ? 'file' : 'files'} · ${bytes(rules.maxBytesPerFile)} each`}
        </span>
        <input
          id={id}
          type="file"
          multiple={rules.maxFiles > 1}
          accept={[...rules.extensions, ...rules.contentTypes].join(',')}
          aria-label="Files"
          aria-describedby={`${id}-rules`}
          className="sr-only"
          onChange={(event) => {
            onAdd([...(event.target.files ?? [])]);
            // The same file may be chosen again.
            event.target.value = '';
          }}
        />
      </label>
      {files.length > 0 && (
        <ul aria-label="Chosen files" className="flex flex-col gap-1.5">
          {files.map((file) => (
            <li key={file.key} className="flex items-center gap-3 rounded-lg border px-3 py-2">
              <FileText aria-hidden="true" className={clsx('size-4 shrink-0', file.error ? 'text-bad' : 'text-faint')} />
              <div className="min-w-0 flex-1">
                <div className="flex items-baseline justify-between gap-3 text-sm">
                  <span className="truncate font-medium">{file.filename}</span>
                  <span className="tabular shrink-0 text-xs text-muted">
                    {file.state === 'uploading' && file.progress < 1
                      ? `${Math.round(file.progress * 100)} % of ${bytes(file.sizeBytes)}`
                      : bytes(file.sizeBytes)}
                  </span>
                </div>
                {file.state === 'uploading' && (
                  <progress
                    aria-label={`Uploading ${file.filename}`}
                    value={file.progress}
                    max={1}
                    className="mt-1 block h-1 w-full appearance-none overflow-hidden rounded-full [&::-moz-progress-bar]:bg-accent [&::-webkit-progress-bar]:bg-line [&::-webkit-progress-value]:bg-accent [&::-webkit-progress-value]:transition-[width]"
                  />
                )}
                {file.error && (
                  <p role="alert" className="text-xs font-medium text-bad">
                    {file.error}
                  </p>
                )}
              </div>
              {file.state === 'failed' && file.file && (
                <IconButton size="sm" label={`Upload ${file.filename} again`} onClick={() => onRetry(file)}>
                  <RotateCw aria-hidden="true" />
                </IconButton>
              )}
              <IconButton
                size="sm"
                label={`Remove ${file.filename}`}
                onClick={(event) => {
                  passFocus(event.currentTarget, 'li', document.getElementById(id));
                  onRemove(file.key);
                }}
              >
                <Trash2 aria-hidden="true" />
              </IconButton>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
