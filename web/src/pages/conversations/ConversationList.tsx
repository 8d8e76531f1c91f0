/** People's conversations of a data set, last written to first. An execution's is never among them. */
import { clsx } from 'clsx';
import { MessageSquarePlus, MessagesSquare } from 'lucide-react';
import { useState } from 'react';
import { Link } from 'react-router';
import { useQuery } from 'urql';
import { paths } from '@/app/paths';
import { useSession } from '@/app/ShellContext';
import { Badge } from '@/components/Badge';
import { Button, ButtonLink } from '@/components/Button';
import { SearchField } from '@/components/SearchField';
import { EmptyState, ErrorState, Skeleton } from '@/components/states';
import { Time } from '@/components/Time';
import { ConversationsDocument } from './documents';

const PAGE = 25;

/** Pages, and what is searched for, belong to one data set: its cursors say nothing of another's. */
export function ConversationList(list: { dataSetId: string; current?: string }) {
  return <Pages key={list.dataSetId} {...list} />;
}

function Pages({ dataSetId, current }: { dataSetId: string; current?: string }) {
  const [search, setSearch] = useState('');
  const [pages, setPages] = useState<(string | null)[]>([null]);
  return (
    <div className="grid grid-cols-1 gap-3">
      <div className="flex items-center gap-2">
        <SearchField
          className="min-w-0 flex-1"
          label="Search conversations by the beginning of their title"
          placeholder="Search titles"
          value={search}
          onChange={(next) => {
            setSearch(next);
            setPages([null]);
          }}
        />
        {current && (
          <ButtonLink to={paths.conversations(dataSetId)} look="primary" className="h-9!" aria-label="New conversation" title="New conversation">
            <MessageSquarePlus aria-hidden="true" />
          </ButtonLink>
        )}
      </div>
      <ul aria-label="Conversations" className="grid grid-cols-1 gap-1">
        {pages.map((after, index) => (
          <ListPage
            key={after ?? 'first'}
            dataSetId={dataSetId}
            search={search}
            after={after}
            current={current}
            isLast={index === pages.length - 1}
            onMore={(cursor) => setPages((known) => [...known, cursor])}
          />
        ))}
      </ul>
    </div>
  );
}

function ListPage({
  dataSetId,
  search,
  after,
  current,
  isLast,
  onMore,
}: {
  dataSetId: string;
  search: string;
  after: string | null;
  current: string | undefined;
  isLast: boolean;
  onMore: (cursor: string) => void;
}) {
  const session = useSession();
  const variables = { dataSetId, search: search || null, first: PAGE, after };
  const [{ data, error, fetching, operation }, reload] = useQuery({
    query: ConversationsDocument,
    variables,
    requestPolicy: 'cache-and-network',
  });
  // Until the answer to other words is there, the one to those before is shown, whose cursor says nothing of them.
  const isCurrent = operation?.variables.search === variables.search;
  if (error && !data) return <li><ErrorState error={error} onRetry={() => reload({ requestPolicy: 'network-only' })} /></li>;
  if (!data) {
    return fetching ? (
      <li role="status" aria-label="Loading conversations" className="grid grid-cols-1 gap-2">
        {[1, 2, 3].map((row) => (
          <Skeleton key={row} className="h-14" />
        ))}
      </li>
    ) : null;
  }
  const { nodes, pageInfo } = data.conversations;
  if (nodes.length === 0 && after === null) {
    return (
      <li>
        <EmptyState icon={<MessagesSquare aria-hidden="true" />} title={search ? 'No title begins like this' : 'No conversations yet'}>
          {search ? 'Search goes by the beginning of a title.' : 'Choose an agent to talk to.'}
        </EmptyState>
      </li>
    );
  }
  return (
    <>
      {nodes.map((one) => {
        const isMine = session?.user.id === one.startedBy.id;
        return (
          <li key={one.id}>
            <Link
              to={paths.conversation(dataSetId, one.id)}
              aria-current={one.id === current ? 'page' : undefined}
              className={clsx(
                'block rounded-lg px-3 py-2 hover:bg-hover',
                one.id === current && 'bg-surface shadow-card ring-1 ring-line',
              )}
            >
              <span className="flex items-baseline gap-2">
                <span className="min-w-0 flex-1 truncate text-sm font-medium">{one.title ?? `With ${one.agent.name}`}</span>
                <span className="shrink-0 text-xs text-faint">
                  <Time at={one.updatedAt} />
                </span>
              </span>
              <span className="mt-0.5 flex items-center gap-2 text-xs text-muted">
                <span className="min-w-0 truncate">{isMine ? one.agent.name : `${one.agent.name} · ${one.startedBy.name}`}</span>
                {one.activity === 'REPLYING' && <Badge tone="run">answering</Badge>}
              </span>
            </Link>
          </li>
        );
      })}
      {isLast && isCurrent && pageInfo.hasNextPage && pageInfo.endCursor && (
        <li className="pt-1 text-center">
          <Button onClick={() => pageInfo.endCursor && onMore(pageInfo.endCursor)}>Show more</Button>
        </li>
      )}
    </>
  );
}
