import { useDeferredValue, useState } from 'react';
import { useQuery } from 'urql';
import { Field, Input } from '@/components/Field';
import { UsersDocument } from './documents';

/** One of the server's users, found by the beginning of their name. For server admins. */
export function UserPicker({ value, onChange, error }: { value: string; onChange: (id: string) => void; error?: string | undefined }) {
  const [text, setText] = useState('');
  const search = useDeferredValue(text.trim());
  const [{ data }] = useQuery({ query: UsersDocument, variables: { search: search || null, first: 8, after: null } });
  const users = data?.users.nodes ?? [];
  return (
    <div className="grid grid-cols-1 gap-2">
      <Field label="User" required hint="Search by the beginning of the name." error={error}>
        {(control) => <Input {...control} type="search" value={text} onChange={(event) => setText(event.target.value)} />}
      </Field>
      <div role="radiogroup" aria-label="Users" className="max-h-48 overflow-y-auto rounded-md border">
        {users.map((user) => (
          <label key={user.id} className="flex h-9 cursor-pointer items-center gap-2.5 px-3 text-sm hover:bg-hover has-checked:bg-accent-soft">
            <input type="radio" name="user" className="accent-accent" checked={value === user.id} onChange={() => onChange(user.id)} />
            {user.name}
          </label>
        ))}
        {data && users.length === 0 && <p className="px-3 py-2 text-sm text-muted">No name begins like this.</p>}
      </div>
    </div>
  );
}
