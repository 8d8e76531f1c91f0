import { useState } from 'react';
import { useQuery } from 'urql';
import { SearchField } from '@/components/SearchField';
import { errorWords } from '@/components/states';
import { UsersDocument } from './documents';

/** As many are offered: whoever is not among them is found by more letters. */
const OFFERED = 8;

/** One of the server's users, found by the beginning of their name. For server admins. */
export function UserPicker({ value, onChange, error }: { value: string; onChange: (id: string) => void; error?: string | undefined }) {
  const [search, setSearch] = useState('');
  const [{ data, error: fault }] = useQuery({ query: UsersDocument, variables: { search: search || null, first: OFFERED, after: null } });
  const found = data?.users.nodes ?? [];
  const [chosen, setChosen] = useState<(typeof found)[number]>();
  // Whoever is chosen stays in sight, whatever is searched for: nobody is taken whom one does not see.
  const isElsewhere = chosen?.id === value && !found.some((one) => one.id === value);
  const users = chosen && isElsewhere ? [chosen, ...found] : found;
  const choose = (user: (typeof found)[number]) => {
    setChosen(user);
    onChange(user.id);
  };
  return (
    <fieldset className="grid grid-cols-1 gap-2">
      <legend className="mb-1.5 text-sm font-medium">User</legend>
      <SearchField label="Search users by the beginning of their name" placeholder="Name begins with" value={search} onChange={setSearch} />
      <div role="radiogroup" aria-label="Users" className="max-h-48 overflow-y-auto rounded-md border">
        {users.map((user) => (
          <label key={user.id} className="flex h-9 cursor-pointer items-center gap-2.5 px-3 text-sm hover:bg-hover has-checked:bg-accent-soft">
            <input type="radio" name="user" className="accent-accent" checked={value === user.id} onChange={() => choose(user)} />
            {user.name}
          </label>
        ))}
        {data && found.length === 0 && <p className="px-3 py-2 text-sm text-muted">No name begins like this.</p>}
        {fault && !data && <p className="px-3 py-2 text-sm text-bad">{errorWords(fault).detail}</p>}
      </div>
      {data?.users.pageInfo.hasNextPage && <p className="text-xs text-muted">{`The first ${OFFERED}: type more to find others.`}</p>}
      {error && (
        <p role="alert" className="text-xs font-medium text-bad">
          {error}
        </p>
      )}
    </fieldset>
  );
}
