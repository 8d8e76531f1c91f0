import { paths } from '@/app/paths';
import { Button, ButtonLink } from '@/components/Button';
import { Notice } from '@/components/states';
import type { LaunchMutation } from '@/gql/graphql';

export type Refusal = LaunchMutation['launchExecution']['errors'][number];

/** Why a launch was refused, and what can be done about it. */
export function RefusalNotice({
  refusal,
  dataSetId,
  onStale,
  onAnew,
}: {
  refusal: Refusal;
  dataSetId: string;
  onStale: () => void;
  onAnew: () => void;
}) {
  if (refusal.__typename === 'SchemaVersionConflictError')
    return (
      <Notice action={<Button size="sm" onClick={onStale}>Draw the form anew</Button>}>
        The fields have changed since this form was drawn.
      </Notice>
    );
  if (refusal.__typename === 'IdempotencyConflictError')
    return (
      <Notice
        action={
          <>
            {refusal.existing && (
              <ButtonLink size="sm" to={paths.execution(dataSetId, refusal.existing.id)}>
                Open it
              </ButtonLink>
            )}
            <Button size="sm" onClick={onAnew}>
              Launch another
            </Button>
          </>
        }
      >
        This form has launched an execution already, with another input.
      </Notice>
    );
  return <Notice>{refusal.message}</Notice>;
}
