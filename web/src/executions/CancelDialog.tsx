import { useState } from 'react';
import { Button } from '@/components/Button';
import { Dialog } from '@/components/Dialog';
import { Field, Textarea } from '@/components/Field';

/** Asks once more, and for a reason that everyone can read later. */
export function CancelDialog({
  number,
  onClose,
  onCancel,
}: {
  /** How many are meant; 0 while it is closed. */
  number: number;
  onClose: () => void;
  onCancel: (reason: string) => Promise<unknown>;
}) {
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const close = () => {
    setReason('');
    onClose();
  };
  const submit = async () => {
    setBusy(true);
    await onCancel(reason);
    setBusy(false);
    close();
  };
  return (
    <Dialog
      open={number > 0}
      onClose={close}
      title={number === 1 ? 'Cancel this execution?' : `Cancel ${number} executions?`}
      description="The work and the spend stop. What tools have written stays written. This cannot be undone; you can retry later."
      footer={
        <>
          <Button onClick={close}>Keep running</Button>
          <Button look="danger" busy={busy} onClick={() => void submit()}>
            {number === 1 ? 'Cancel execution' : `Cancel ${number} executions`}
          </Button>
        </>
      }
    >
      <Field label="Reason" hint="Optional. Shown where the failure is explained.">
        {(control) => (
          <Textarea {...control} value={reason} maxLength={1000} rows={3} onChange={(event) => setReason(event.target.value)} />
        )}
      </Field>
    </Dialog>
  );
}
