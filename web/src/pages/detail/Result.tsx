import { Download } from 'lucide-react';
import { useMemo } from 'react';
import type { JsonValue } from '@/api/json';
import { Button } from '@/components/Button';
import { JsonTree } from '@/components/JsonTree';
import { Tabs } from '@/components/Tabs';
import { type Section, sectionsOf } from './flat';

/** As many rows are drawn; the rest is in the tree and in the download. */
const MOST_ROWS = 200;

/** A result to read: as a table where it is flat, as a tree in any case, and to take along. */
export function Result({ value, filename }: { value: JsonValue; filename: string }) {
  const sections = useMemo(() => sectionsOf(value), [value]);
  const tree = { key: 'tree', label: 'JSON', content: <JsonTree value={value} label="Result" openDepth={3} /> };
  return (
    <Tabs
      label="Result"
      tabs={sections ? [{ key: 'table', label: 'Table', content: <Sections sections={sections} /> }, tree] : [tree]}
      trailing={
        <Button size="sm" look="ghost" icon={<Download aria-hidden="true" />} onClick={() => download(value, filename)}>
          Download
        </Button>
      }
    />
  );
}

function Sections({ sections }: { sections: readonly Section[] }) {
  return (
    <div className="flex flex-col gap-4">
      {sections.map((section) => (
        <div key={section.title ?? ''} className="min-w-0">
          {section.title && <h3 className="mb-1.5 text-xs font-medium text-muted">{section.title}</h3>}
          <div role="region" aria-label={section.title ?? 'Result as a table'} tabIndex={0} className="max-h-96 overflow-auto rounded-lg border">
            <table className="w-full border-separate border-spacing-0 text-sm">
              <thead className="sticky top-0">
                <tr>
                  {section.columns.map((column) => (
                    <th key={column} scope="col" className="h-8 border-b bg-sunken px-3 text-left text-xs font-medium whitespace-nowrap text-muted">
                      {column}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {section.rows.slice(0, MOST_ROWS).map((row, at) => (
                  // Rows of a result have no names, and do not move.
                  <tr key={at} className="[&:last-child>td]:border-b-0">
                    {row.map((cell, column) => (
                      <td
                        key={section.columns[column]}
                        className={`border-b px-3 py-1.5 align-top wrap-anywhere ${typeof cell === 'number' ? 'tabular' : ''} ${column === 0 && section.columns.length > 1 ? 'font-medium' : ''}`}
                      >
                        {cell === undefined ? <span className="text-faint">–</span> : cell === null ? <span className="text-faint">null</span> : String(cell)}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {section.rows.length > MOST_ROWS && (
            <p className="mt-1 text-xs text-muted">{`The first ${MOST_ROWS} of ${section.rows.length} rows. All are in the JSON.`}</p>
          )}
        </div>
      ))}
    </div>
  );
}

function download(value: JsonValue, filename: string) {
  const url = URL.createObjectURL(new Blob([JSON.stringify(value, null, 2)], { type: 'application/json' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = filename;
  link.click();
  URL.revokeObjectURL(url);
}
