/** Everyone on the server. For its admins. */
import { KeyRound, UserPlus, Users as UsersIcon } from 'lucide-react';
import { useState } from 'react';
import { useMutation, useQuery } from 'urql';
import { Button } from '@/components/Button';
import { CopyButton } from '@/components/CopyButton';
import { Pager } from '@/components/Pager';
import { SearchField } from '@/components/SearchField';
import { EmptyState, ErrorState, errorWords, SkeletonRows } from '@/components/states';
import { Table, Td, Th } from '@/components/Table';
import { toast } from '@/components/toast';
import { CreateUserDocument, UsersDocument } from './documents';
import { NameDialog } from './NameDialog';
import { Section } from './Section';
import { TokenDialog } from './TokenDialog';

const PAGE = 50;

export function Users() {
  const [search, setSearch] = useState('');
  const [after, setAfter] = useState<string | null>(null);
  const [{ data, error }, reload] = useQuery({
    query: UsersDocument,
    variables: { search: search || null, first: PAGE, after },
    requestPolicy: 'cache-and-network',
  });
  const [, create] = useMutation(CreateUserDocument);
  const [isCreating, setCreating] = useState(false);
  const [tokenFor, setTokenFor] = useState<{ id: string; name: string }>();
  const again = () => reload({ requestPolicy: 'network-only' });
  const connection = data?.users;

  const save = async (name: string) => {
    const result = await create({ input: { name } });
    const user = result.data?.createUser.user;
    if (!user) return result.data?.createUser.errors[0]?.message ?? (result.error ? errorWords(result.error).detail : 'They were not made');
    toast(`${user.name} is there: make them a token, and a member of a data set`);
    again();
    return undefined;
  };

  return (
    <Section
      title="Users"
      description="Everyone on this server. A user signs in with a token, and sees the data sets that they are a member of."
      action={
        <Button look="primary" icon={<UserPlus aria-hidden="true" />} onClick={() => setCreating(true)}>
          New user
        </Button>
      }
    >
      <SearchField
        className="w-72 max-w-full"
        label="Search users by the beginning of their name"
        placeholder="Name begins with"
        value={search}
        onChange={(next) => {
          setSearch(next);
          setAfter(null);
        }}
      />
      {error && !data ? (
        <ErrorState error={error} onRetry={again} />
      ) : !connection ? (
        <SkeletonRows rows={5} label="Loading users" />
      ) : connection.nodes.length === 0 ? (
        <div className="card">
          <EmptyState icon={<UsersIcon aria-hidden="true" />} title="No name begins like this" />
        </div>
      ) : (
        <Table label="Users">
          <thead>
            <tr>
              <Th>Name</Th>
              <Th>Id</Th>
              <Th>
                <span className="sr-only">Actions</span>
              </Th>
            </tr>
          </thead>
          <tbody>
            {connection.nodes.map((user) => (
              <tr key={user.id}>
                <Td className="font-medium">{user.name}</Td>
                <Td>
                  <span className="flex items-center gap-1">
                    <code className="truncate text-xs text-muted">{user.id}</code>
                    <CopyButton text={user.id} label={`Copy the id of ${user.name}`} />
                  </span>
                </Td>
                <Td className="text-right">
                  <Button size="sm" icon={<KeyRound aria-hidden="true" />} aria-label={`New token for ${user.name}`} onClick={() => setTokenFor(user)}>
                    Token
                  </Button>
                </Td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
      <Pager label="Pages of users" after={after} pageInfo={connection?.pageInfo} onTurn={setAfter} />
      {isCreating && <NameDialog title="New user" hint="Unique on the server." action="Create" onSave={save} onClose={() => setCreating(false)} />}
      {tokenFor && <TokenDialog user={tokenFor} onClose={() => setTokenFor(undefined)} />}
    </Section>
  );
}
