/** Makes a token and shows its secret, this once. */
import { type FormEvent, useState } from 'react';
import { useMutation } from 'urql';
import { Button } from '@/components/Button';
import { CopyButton } from '@/components/CopyButton';
import { Dialog } from '@/components/Dialog';
import { Field, Input, Select } from '@/components/Field';
import { errorWords, Notice } from '@/components/states';
import { CreateTokenDocument } from './documents';

const DAY_MS = 86_400_000;
const LIFETIMES = [
  { days: 7, label: '7 days' },
  { days: 30, label: '30 days' },
  { days: 90, label: '90 days' },
  { days: 365, label: 'A year' },
  { days: 0, label: 'Never' },
];

export function TokenDialog({
  user,
  onClose,
  onCreated,
}: {
  /** Whose; the viewer's own when left out. */
  user?: { id: string; name: string };
  onClose: () => void;
  onCreated?: () => void;
}) {
  const [{ fetching }, create] = useMutation(CreateTokenDocument);
  const [name, setName] = useState('');
  const [days, setDays] = useState(90);
  const [secret, setSecret] = useState<string>();
  const [problem, setProblem] = useState<{ field?: string; text: string }>();

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (fetching) return;
    setProblem(undefined);
    const { data, error } = await create({
      input: {
        name,
        ...(user ? { userId: user.id } : {}),
        ...(days > 0 ? { expiresAt: new Date(Date.now() + days * DAY_MS).toISOString() } : {}),
      },
    });
    const payload = data?.createAccessToken;
    if (payload?.secret) {
      setSecret(payload.secret);
      onCreated?.();
      return;
    }
    const refusal = payload?.errors[0];
    const field = refusal?.path?.at(-1);
    setProblem({ ...(field ? { field } : {}), text: refusal?.message ?? (error ? errorWords(error).detail : 'It was not made') });
  };

  if (secret) {
    return (
      <Dialog
        open
        holds
        onClose={onClose}
        title="Copy the token now"
        description="The server keeps only a hash of it: it is shown this once."
        footer={
          <Button look="primary" onClick={onClose}>
            Done
          </Button>
        }
      >
        <div className="flex items-center gap-2 rounded-lg border bg-sunken py-1.5 pr-1.5 pl-3">
          <code data-testid="secret" className="min-w-0 flex-1 text-sm wrap-anywhere select-all">
            {secret}
          </code>
          <CopyButton text={secret} label="Copy the token" />
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog
      open
      onClose={onClose}
      title={user ? `New token for ${user.name}` : 'New access token'}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" form="token" look="primary" busy={fetching}>
            Create
          </Button>
        </>
      }
    >
      <form id="token" className="grid grid-cols-1 gap-4" onSubmit={(event) => void submit(event)}>
        {problem && problem.field !== 'name' && <Notice>{problem.text}</Notice>}
        <Field label="Name" required hint="To tell tokens apart: where it is used, for example." error={problem?.field === 'name' ? problem.text : undefined}>
          {(control) => <Input {...control} required maxLength={100} value={name} onChange={(event) => setName(event.target.value)} />}
        </Field>
        <Field label="Ends">
          {(control) => (
            <Select {...control} value={days} onChange={(event) => setDays(Number(event.target.value))}>
              {LIFETIMES.map((one) => (
                <option key={one.days} value={one.days}>
                  {one.label}
                </option>
              ))}
            </Select>
          )}
        </Field>
      </form>
    </Dialog>
  );
}
