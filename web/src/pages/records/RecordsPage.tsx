/** What agents work on: the records of the data set, by collection, found by the beginning of their key. */
import { ChevronLeft, ChevronRight, Table2 } from 'lucide-react';
import { useState } from 'react';
import { useSearchParams } from 'react-router';
import { useQuery } from 'urql';
import { isObject } from '@/api/json';
import { useDataSet } from '@/app/ShellContext';
import { Badge } from '@/components/Badge';
import { Button } from '@/components/Button';
import { Dialog } from '@/components/Dialog';
import { Select } from '@/components/Field';
import { JsonTree } from '@/components/JsonTree';
import { Page } from '@/components/Page';
import { SearchField } from '@/components/SearchField';
import { EmptyState, ErrorState, SkeletonRows } from '@/components/states';
import { Table, Td, Th } from '@/components/Table';
import { Time } from '@/components/Time';
import { count } from '@/components/time';
import type { RecordsQuery } from '@/gql/graphql';
import { cell, columnsOf } from './columns';
import { CollectionsDocument, RecordsDocument } from './documents';

const PAGE = 50;

type DataRecord = NonNullable<RecordsQuery['dataSet']>['records']['nodes'][number];

export function Component() {
  const { id } = useDataSet();
  const [params, setParams] = useSearchParams();
  const [{ data: collectionsData }] = useQuery({
    query: CollectionsDocument,
    variables: { dataSetId: id },
    requestPolicy: 'cache-and-network',
  });
  const collections = collectionsData?.dataSet?.collections ?? [];
  const collection = params.get('collection');
  const search = params.get('search') ?? '';
  const after = params.get('after');
  const before = params.get('before');

  const go = (change: Record<string, string | null>, replace = false) => {
    const next = new URLSearchParams(params);
    for (const [name, value] of Object.entries(change)) {
      if (value) next.set(name, value);
      else next.delete(name);
    }
    setParams(next, { replace });
  };
  const first = { after: null, before: null };

  return (
    <Page title="Records" description="What agents of this data set read and write.">
      <div className="mb-4 flex flex-wrap gap-2">
        <Select
          aria-label="Collection"
          className="w-56 max-w-full"
          value={collection ?? ''}
          onChange={(event) => go({ collection: event.target.value || null, ...first })}
        >
          <option value="">All collections</option>
          {collections.map((one) => (
            <option key={one.name} value={one.name}>
              {`${one.name} (${count(one.recordCount)})`}
            </option>
          ))}
        </Select>
        <SearchField
          className="w-72 max-w-full"
          label="Search records by the beginning of their key"
          placeholder="Key begins with"
          value={search}
          onChange={(next) => go({ search: next || null, ...first }, true)}
        />
      </div>
      <Records
        dataSetId={id}
        collection={collection}
        search={search}
        after={after}
        before={before}
        onPage={(page) => go({ after: page.after ?? null, before: page.before ?? null })}
      />
    </Page>
  );
}

function Records({
  dataSetId,
  collection,
  search,
  after,
  before,
  onPage,
}: {
  dataSetId: string;
  collection: string | null;
  search: string;
  after: string | null;
  before: string | null;
  onPage: (page: { after?: string | null | undefined; before?: string | null | undefined }) => void;
}) {
  const [{ data, error }, reload] = useQuery({
    query: RecordsDocument,
    variables: {
      dataSetId,
      collection,
      search: search || null,
      ...(before ? { last: PAGE, before } : { first: PAGE, after }),
    },
    requestPolicy: 'cache-and-network',
  });
  const [open, setOpen] = useState<DataRecord>();
  if (error && !data) return <ErrorState error={error} onRetry={() => reload({ requestPolicy: 'network-only' })} />;
  if (!data) return <SkeletonRows rows={12} label="Loading records" />;
  const records = data.dataSet?.records;
  if (!records || records.nodes.length === 0) {
    return (
      <div className="card">
        <EmptyState icon={<Table2 aria-hidden="true" />} title={search ? 'No key begins like this' : 'No records yet'}>
          {search ? 'Search goes by the beginning of a key, in upper or lower case.' : 'Agents write them, and so does the API: upsertRecords.'}
        </EmptyState>
      </div>
    );
  }
  const columns = columnsOf(records.nodes.map((record) => record.document));
  const { pageInfo } = records;
  return (
    <>
      <Table label="Records">
        <thead>
          <tr>
            <Th>Key</Th>
            {!collection && <Th>Collection</Th>}
            {columns.map((name) => (
              <Th key={name}>{name}</Th>
            ))}
            <Th className="text-right">Changed</Th>
          </tr>
        </thead>
        <tbody>
          {records.nodes.map((record) => (
            <tr key={record.id} className="hover:bg-hover">
              <Td className="font-mono text-xs whitespace-nowrap">
                <button type="button" className="rounded font-medium text-accent-text hover:underline" onClick={() => setOpen(record)}>
                  {record.key}
                </button>
              </Td>
              {!collection && (
                <Td>
                  <Badge>{record.collection}</Badge>
                </Td>
              )}
              {columns.map((name) => {
                const text = cell(isObject(record.document) ? record.document[name] : undefined);
                return (
                  <Td key={name} title={text.length > 40 ? text : undefined} className="max-w-64 truncate text-muted">
                    {text}
                  </Td>
                );
              })}
              <Td className="text-right whitespace-nowrap text-muted">
                <Time at={record.updatedAt} />
              </Td>
            </tr>
          ))}
        </tbody>
      </Table>
      {(pageInfo.hasPreviousPage || pageInfo.hasNextPage) && (
        <nav aria-label="Pages of records" className="mt-3 flex justify-end gap-2">
          <Button icon={<ChevronLeft aria-hidden="true" />} unavailable={!pageInfo.hasPreviousPage} onClick={() => onPage({ before: pageInfo.startCursor })}>
            Previous
          </Button>
          <Button unavailable={!pageInfo.hasNextPage} onClick={() => onPage({ after: pageInfo.endCursor })}>
            Next
            <ChevronRight aria-hidden="true" />
          </Button>
        </nav>
      )}
      {open && (
        <Dialog open wide onClose={() => setOpen(undefined)} title={open.key} description={`In ${open.collection}`}>
          <JsonTree value={open.document} label={open.key} openDepth={4} />
          <p className="mt-3 text-xs text-muted">
            Made <Time at={open.createdAt} />, changed <Time at={open.updatedAt} />
          </p>
        </Dialog>
      )}
    </>
  );
}
