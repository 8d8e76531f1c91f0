/** Who may see and do what in this data set. */
import { UserPlus, Users as UsersIcon } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { useMutation, useQuery } from 'urql';
import { useSession } from '@/app/ShellContext';
import { Badge } from '@/components/Badge';
import { Button } from '@/components/Button';
import { Dialog } from '@/components/Dialog';
import { Field, Input, Select } from '@/components/Field';
import { Pager } from '@/components/Pager';
import { EmptyState, ErrorState, errorWords, Notice, SkeletonRows } from '@/components/states';
import { Table, Td, Th } from '@/components/Table';
import { Time } from '@/components/Time';
import { toast } from '@/components/toast';
import type { DataSetRole, MembersQuery } from '@/gql/graphql';
import { MembersDocument, RemoveMemberDocument, SetMemberDocument } from './documents';
import { Section } from './Section';
import { UserPicker } from './UserPicker';

const PAGE = 100;

type Member = NonNullable<MembersQuery['dataSet']>['members']['nodes'][number];

const ROLES: Record<DataSetRole, string> = { MEMBER: 'Member', ADMIN: 'Admin' };
const ROLE_MEANS: Record<DataSetRole, string> = {
  MEMBER: 'launches, and sees their own',
  ADMIN: 'sees all, manages agents, records and members',
};
const isRole = (value: string): value is DataSetRole => value in ROLES;

export function Members({ dataSetId, canManage }: { dataSetId: string; canManage: boolean }) {
  const session = useSession();
  const [after, setAfter] = useState<string | null>(null);
  const [{ data, error }, reload] = useQuery({
    query: MembersDocument,
    variables: { dataSetId, first: PAGE, after },
    requestPolicy: 'cache-and-network',
  });
  const [, setMember] = useMutation(SetMemberDocument);
  const [, removeMember] = useMutation(RemoveMemberDocument);
  const [isAdding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<Member>();
  const [problem, setProblem] = useState<string>();
  const again = () => reload({ requestPolicy: 'network-only' });
  const connection = data?.dataSet?.members;

  const changeRole = async (member: Member, role: DataSetRole) => {
    setProblem(undefined);
    const result = await setMember({ input: { dataSetId, userId: member.user.id, role } });
    if (result.data?.setDataSetMember.member) toast(`${member.user.name} is ${role === 'ADMIN' ? 'an admin' : 'a member'} now`);
    else setProblem(result.data?.setDataSetMember.errors[0]?.message ?? (result.error && errorWords(result.error).detail));
    again();
  };
  const remove = async (member: Member) => {
    setRemoving(undefined);
    setProblem(undefined);
    const result = await removeMember({ input: { dataSetId, userId: member.user.id } });
    if (result.data?.removeDataSetMember.removedMemberId) toast(`${member.user.name} is no member any more`);
    else setProblem(result.data?.removeDataSetMember.errors[0]?.message ?? (result.error && errorWords(result.error).detail));
    again();
  };

  return (
    <Section
      title="Members"
      description="Who has access to this data set, besides the admins of the server."
      action={
        canManage && (
          <Button look="primary" icon={<UserPlus aria-hidden="true" />} onClick={() => setAdding(true)}>
            Add a member
          </Button>
        )
      }
    >
      {problem && <Notice>{problem}</Notice>}
      {error && !data ? (
        <ErrorState error={error} onRetry={again} />
      ) : !connection ? (
        <SkeletonRows rows={3} label="Loading members" />
      ) : connection.nodes.length === 0 ? (
        <div className="card">
          <EmptyState icon={<UsersIcon aria-hidden="true" />} title="No members yet" />
        </div>
      ) : (
        <Table label="Members">
          <thead>
            <tr>
              <Th>Name</Th>
              <Th>Role</Th>
              <Th>Since</Th>
              {canManage && (
                <Th>
                  <span className="sr-only">Actions</span>
                </Th>
              )}
            </tr>
          </thead>
          <tbody>
            {connection.nodes.map((member) => (
              <tr key={member.id}>
                <Td className="font-medium whitespace-nowrap">
                  {member.user.name}
                  {member.user.id === session?.user.id && <Badge className="ml-2">you</Badge>}
                </Td>
                <Td>
                  {canManage ? (
                    <Select
                      className="min-w-28"
                      aria-label={`Role of ${member.user.name}`}
                      value={member.role}
                      onChange={(event) => {
                        if (isRole(event.target.value)) void changeRole(member, event.target.value);
                      }}
                    >
                      {Object.entries(ROLES).map(([role, word]) => (
                        <option key={role} value={role}>
                          {word}
                        </option>
                      ))}
                    </Select>
                  ) : (
                    ROLES[member.role]
                  )}
                  <span className="ml-2 text-xs text-muted max-md:hidden">{ROLE_MEANS[member.role]}</span>
                </Td>
                <Td className="whitespace-nowrap text-muted">
                  <Time at={member.createdAt} />
                </Td>
                {canManage && (
                  <Td className="text-right">
                    <Button size="sm" aria-label={`Remove ${member.user.name}`} onClick={() => setRemoving(member)}>
                      Remove
                    </Button>
                  </Td>
                )}
              </tr>
            ))}
          </tbody>
        </Table>
      )}
      <Pager label="Pages of members" after={after} pageInfo={connection?.pageInfo} onTurn={setAfter} />
      {isAdding && (
        <AddDialog
          dataSetId={dataSetId}
          onClose={() => setAdding(false)}
          onAdded={() => {
            setAdding(false);
            again();
          }}
        />
      )}
      {removing && (
        <Dialog
          open
          onClose={() => setRemoving(undefined)}
          title={`Remove ${removing.user.name}?`}
          description="They no longer see this data set, and their streams about it end. What they launched goes on."
          footer={
            <>
              <Button onClick={() => setRemoving(undefined)}>Keep them</Button>
              <Button look="danger" onClick={() => void remove(removing)}>
                Remove
              </Button>
            </>
          }
        />
      )}
    </Section>
  );
}

function AddDialog({ dataSetId, onClose, onAdded }: { dataSetId: string; onClose: () => void; onAdded: () => void }) {
  const session = useSession();
  const [{ fetching }, setMember] = useMutation(SetMemberDocument);
  const [userId, setUserId] = useState('');
  const [role, setRole] = useState<DataSetRole>('MEMBER');
  const [problem, setProblem] = useState<string>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (fetching) return;
    const { data, error } = await setMember({ input: { dataSetId, userId: userId.trim(), role } });
    const member = data?.setDataSetMember.member;
    if (member) {
      toast(`${member.user.name} is ${role === 'ADMIN' ? 'an admin' : 'a member'} now`);
      onAdded();
      return;
    }
    setProblem(data?.setDataSetMember.errors[0]?.message ?? (error ? errorWords(error).detail : 'It was not done'));
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title="Add a member"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" form="member" look="primary" busy={fetching} disabled={!userId.trim()}>
            Add
          </Button>
        </>
      }
    >
      <form id="member" className="grid grid-cols-1 gap-4" onSubmit={(event) => void submit(event)}>
        {session?.isServerAdmin ? (
          <UserPicker value={userId} onChange={setUserId} error={problem} />
        ) : (
          <Field label="User id" required hint="It begins with usr_; an admin of the server knows it." error={problem}>
            {(control) => <Input {...control} required value={userId} onChange={(event) => setUserId(event.target.value)} />}
          </Field>
        )}
        <Field label="Role" hint={`${ROLES[role]}: ${ROLE_MEANS[role]}.`}>
          {(control) => (
            <Select
              {...control}
              value={role}
              onChange={(event) => {
                if (isRole(event.target.value)) setRole(event.target.value);
              }}
            >
              <option value="MEMBER">{ROLES.MEMBER}</option>
              <option value="ADMIN">{ROLES.ADMIN}</option>
            </Select>
          )}
        </Field>
      </form>
    </Dialog>
  );
}
