import { useEffect, useRef, useState } from 'react';
import { Button } from '@/components/Button';
import { Dialog } from '@/components/Dialog';
import { Field, Textarea } from '@/components/Field';
import { Notice } from '@/components/states';
import { toast } from '@/components/toast';

/** Asks once more, and for a reason that everyone can read later. Drawn while it asks; another question is another one. */
export function CancelDialog({
  number,
  onClose,
  onCancel,
}: {
  /** How many are meant. */
  number: number;
  onClose: () => void;
  /** Answers with what went wrong, or with nothing. */
  onCancel: (reason: string) => Promise<string | undefined>;
}) {
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const isOpen = useRef(false);
  useEffect(() => {
    isOpen.current = true;
    return () => {
      isOpen.current = false;
    };
  }, []);
  const submit = async () => {
    setBusy(true);
    setProblem(undefined);
    const wrong = await onCancel(reason);
    // It was closed meanwhile: what it was about is said all the same, and what is open now is none of its business.
    if (!isOpen.current) {
      if (wrong) toast(wrong, 'bad');
      return;
    }
    setBusy(false);
    setProblem(wrong);
    if (wrong === undefined) onClose();
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title={number === 1 ? 'Cancel this execution?' : `Cancel ${number} executions?`}
      description="The work and the spend stop. What tools have written stays written. This cannot be undone; you can retry later."
      footer={
        <>
          <Button onClick={onClose}>Keep running</Button>
          <Button look="danger" busy={busy} onClick={() => void submit()}>
            {number === 1 ? 'Cancel execution' : `Cancel ${number} executions`}
          </Button>
        </>
      }
    >
      {problem && (
        <div className="mb-3">
          <Notice>{problem}</Notice>
        </div>
      )}
      <Field label="Reason" hint="Optional. Shown where the failure is explained.">
        {(control) => (
          <Textarea {...control} value={reason} maxLength={1000} rows={3} onChange={(event) => setReason(event.target.value)} />
        )}
      </Field>
    </Dialog>
  );
}
