import { Download, FileText } from 'lucide-react';
import { bytes } from '@/components/time';
import type { FileShownFragment } from '@/gql/graphql';

/** Files to download, beside what they came with. */
export function FileChips({ files }: { files: readonly FileShownFragment[] }) {
  if (files.length === 0) return null;
  return (
    <ul className="mt-2 flex flex-wrap gap-2">
      {files.map((file) => (
        <li key={file.id}>
          <a
            href={file.downloadUrl}
            download={file.filename}
            title={`${file.filename} · ${file.contentType}`}
            className="flex h-8 max-w-64 items-center gap-2 rounded-md border bg-surface px-2 text-sm text-text shadow-card hover:bg-hover"
          >
            <FileText aria-hidden="true" className="size-4 shrink-0 text-faint" />
            <span className="truncate">{file.filename}</span>
            <span className="shrink-0 text-xs text-muted">{bytes(file.sizeBytes)}</span>
            <Download aria-label="download" className="size-3.5 shrink-0 text-faint" />
          </a>
        </li>
      ))}
    </ul>
  );
}
