import { type FormEvent, useState } from 'react';
import { Button } from '@/components/Button';
import { Dialog } from '@/components/Dialog';
import { Field, Input } from '@/components/Field';

/** Asks for a name. `onSave` answers with what is wrong with it, or with nothing. */
export function NameDialog({
  title,
  hint,
  initial = '',
  action,
  onSave,
  onClose,
}: {
  title: string;
  hint: string;
  initial?: string;
  action: string;
  onSave: (name: string) => Promise<string | undefined>;
  onClose: () => void;
}) {
  const [name, setName] = useState(initial);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    const wrong = await onSave(name);
    setBusy(false);
    setProblem(wrong);
    if (wrong === undefined) onClose();
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title={title}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" form="name" look="primary" busy={busy}>
            {action}
          </Button>
        </>
      }
    >
      <form id="name" onSubmit={(event) => void submit(event)}>
        <Field label="Name" required hint={hint} error={problem}>
          {(control) => <Input {...control} required maxLength={100} value={name} onChange={(event) => setName(event.target.value)} />}
        </Field>
      </form>
    </Dialog>
  );
}
