/** The viewer's access tokens: made here and shown once, listed, revoked. */
import { KeyRound, Plus } from 'lucide-react';
import { useState } from 'react';
import { useMutation, useQuery } from 'urql';
import { Badge } from '@/components/Badge';
import { Button } from '@/components/Button';
import { Dialog } from '@/components/Dialog';
import { Checkbox } from '@/components/Field';
import { Pager } from '@/components/Pager';
import { EmptyState, ErrorState, errorWords, Notice, SkeletonRows } from '@/components/states';
import { Table, Td, Th } from '@/components/Table';
import { Time } from '@/components/Time';
import { toast } from '@/components/toast';
import type { TokensQuery } from '@/gql/graphql';
import { RevokeTokenDocument, TokensDocument } from './documents';
import { Section } from './Section';
import { TokenDialog } from './TokenDialog';

const PAGE = 50;

type Token = TokensQuery['accessTokens']['nodes'][number];

export function Tokens() {
  const [includeRevoked, setIncludeRevoked] = useState(false);
  const [after, setAfter] = useState<string | null>(null);
  const [{ data, error }, reload] = useQuery({
    query: TokensDocument,
    variables: { includeRevoked, first: PAGE, after },
    requestPolicy: 'cache-and-network',
  });
  const [isCreating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<Token>();
  const again = () => reload({ requestPolicy: 'network-only' });
  const connection = data?.accessTokens;
  return (
    <Section
      title="Access tokens"
      description="For programs that act as you: Authorization: Bearer <token>. What is signed in here has a session of its own."
      action={
        <Button look="primary" icon={<Plus aria-hidden="true" />} onClick={() => setCreating(true)}>
          New token
        </Button>
      }
    >
      <Checkbox
        label="Show revoked"
        checked={includeRevoked}
        onChange={(event) => {
          setAfter(null);
          setIncludeRevoked(event.target.checked);
        }}
      />
      {error && !data ? (
        <ErrorState error={error} onRetry={again} />
      ) : !connection ? (
        <SkeletonRows rows={3} label="Loading tokens" />
      ) : connection.nodes.length === 0 ? (
        <div className="card">
          <EmptyState icon={<KeyRound aria-hidden="true" />} title="No tokens yet">
            A token lets a program use the API as you.
          </EmptyState>
        </div>
      ) : (
        <Table label="Access tokens">
          <thead>
            <tr>
              <Th>Name</Th>
              <Th>Begins with</Th>
              <Th>Made</Th>
              <Th>Last used</Th>
              <Th>Ends</Th>
              <Th>
                <span className="sr-only">Actions</span>
              </Th>
            </tr>
          </thead>
          <tbody>
            {connection.nodes.map((token) => (
              <tr key={token.id}>
                <Td className="font-medium">{token.name}</Td>
                <Td>
                  <code className="text-xs text-muted">{`${token.prefix}…`}</code>
                </Td>
                <Td className="whitespace-nowrap text-muted">
                  <Time at={token.createdAt} />
                </Td>
                <Td className="whitespace-nowrap text-muted">{token.lastUsedAt ? <Time at={token.lastUsedAt} /> : 'never'}</Td>
                <Td className="whitespace-nowrap text-muted">
                  <Ends token={token} />
                </Td>
                <Td className="text-right">
                  {!token.revokedAt && (
                    <Button size="sm" aria-label={`Revoke ${token.name}`} onClick={() => setRevoking(token)}>
                      Revoke
                    </Button>
                  )}
                </Td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
      <Pager label="Pages of tokens" first="Newest" next="Older" after={after} pageInfo={connection?.pageInfo} onTurn={setAfter} />
      {isCreating && <TokenDialog onClose={() => setCreating(false)} onCreated={again} />}
      {revoking && (
        <RevokeDialog
          token={revoking}
          onClose={() => setRevoking(undefined)}
          onRevoked={() => {
            setRevoking(undefined);
            again();
          }}
        />
      )}
    </Section>
  );
}

function Ends({ token }: { token: Token }) {
  if (token.revokedAt) return <Badge tone="bad">revoked</Badge>;
  if (!token.expiresAt) return 'never';
  // "in 3 months", or "2 days ago" for one that has ended.
  return <Time at={token.expiresAt} />;
}

function RevokeDialog({ token, onClose, onRevoked }: { token: Token; onClose: () => void; onRevoked: () => void }) {
  const [{ fetching }, revoke] = useMutation(RevokeTokenDocument);
  const [problem, setProblem] = useState<string>();
  const confirm = async () => {
    const { data, error } = await revoke({ input: { id: token.id } });
    if (data?.revokeAccessToken.accessToken) {
      toast(`${token.name} is revoked`);
      onRevoked();
      return;
    }
    setProblem(data?.revokeAccessToken.errors[0]?.message ?? (error ? errorWords(error).detail : undefined));
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Revoke ${token.name}?`}
      description="Whatever uses it is refused from now on, and its streams end within seconds. It cannot be taken back."
      footer={
        <>
          <Button onClick={onClose}>Keep it</Button>
          <Button look="danger" busy={fetching} onClick={() => void confirm()}>
            Revoke
          </Button>
        </>
      }
    >
      {problem && <Notice>{problem}</Notice>}
    </Dialog>
  );
}
