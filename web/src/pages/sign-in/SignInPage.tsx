/** Signing in: with a token, or by the one-time link that the first start prints. */
import { KeyRound } from 'lucide-react';
import { useCallback, useEffect, useState } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { useMutation } from 'urql';
import { useResetApi } from '@/app/ApiProvider';
import { paths, safeNext } from '@/app/paths';
import mark from '@/assets/mark.svg';
import { Button } from '@/components/Button';
import { Field, Input } from '@/components/Field';
import { Spinner } from '@/components/Spinner';
import { errorWords, Notice } from '@/components/states';
import { graphql } from '@/gql';
import type { SignInInput } from '@/gql/graphql';

const SignInDocument = graphql(/* GraphQL */ `
  mutation SignIn($input: SignInInput!) {
    signIn(input: $input) {
      session {
        id
        user {
          id
          name
        }
      }
      errors {
        ...Refusal
      }
    }
  }
`);

export function Component() {
  const [search] = useSearchParams();
  const navigate = useNavigate();
  const reset = useResetApi();
  const [, signIn] = useMutation(SignInDocument);
  const [state, setState] = useState<'form' | 'link' | 'sending'>(() => (window.location.hash.length > 1 ? 'link' : 'form'));
  const [token, setToken] = useState('');
  const [error, setError] = useState<string>();
  const next = search.get('next');

  const send = useCallback(
    async (input: SignInInput, refused: string) => {
      const { data, error: fault } = await signIn({ input });
      if (data?.signIn.session) {
        reset();
        const to = safeNext(next);
        // Another document, which the router knows nothing of.
        if (to.startsWith(paths.playground)) window.location.replace(to);
        else void navigate(to, { replace: true });
        return;
      }
      setState('form');
      setError(fault && !data ? `${errorWords(fault).title}. ${errorWords(fault).detail}` : refused);
    },
    [signIn, reset, navigate, next],
  );

  useEffect(() => {
    document.title = 'Sign in · agentic-executions';
    // The link's secret is in the fragment, which no server sees. It is taken once, and out of the address at once.
    const take = () => {
      const code = window.location.hash.slice(1);
      if (!code) return;
      window.history.replaceState(window.history.state, '', window.location.pathname + window.location.search);
      setError(undefined);
      setState('link');
      void send({ code }, 'This link has been used already, or it is too old. Sign in with a token, or have another link made.');
    };
    take();
    // Put into the address of this page, it is no other document.
    window.addEventListener('hashchange', take);
    return () => window.removeEventListener('hashchange', take);
  }, [send]);

  return (
    <main className="flex min-h-dvh flex-col items-center justify-center gap-6 p-4">
      <div className="flex flex-col items-center gap-3 text-center">
        <img src={mark} alt="" className="size-11" />
        <div>
          <h1 className="text-xl font-semibold tracking-tight">Sign in to agentic-executions</h1>
          <p className="mt-1 text-sm text-muted">
            {next ? 'Sign in to go on where you were.' : 'Launch, watch and steer autonomous agent jobs.'}
          </p>
        </div>
      </div>
      <div className="card w-full max-w-sm p-6">
        {state === 'link' ? (
          <p role="status" className="flex min-h-28 items-center justify-center gap-2.5 text-sm text-muted">
            <Spinner />
            Signing in by the link…
          </p>
        ) : (
          <form
            className="flex flex-col gap-4"
            onSubmit={(event) => {
              event.preventDefault();
              if (state === 'sending') return;
              if (!token.trim()) {
                setError('Enter a token.');
                return;
              }
              setError(undefined);
              setState('sending');
              void send({ token: token.trim() }, 'This token is not valid: it may have been revoked, or have expired.');
            }}
          >
            {error && <Notice>{error}</Notice>}
            <Field label="Token">
              {(control) => (
                <Input
                  {...control}
                  type="password"
                  name="token"
                  autoComplete="current-password"
                  spellCheck={false}
                  // The page is for this one field.
                  // oxlint-disable-next-line jsx-a11y/no-autofocus
                  autoFocus
                  value={token}
                  onChange={(event) => setToken(event.target.value)}
                />
              )}
            </Field>
            <Button type="submit" look="primary" size="lg" busy={state === 'sending'} icon={<KeyRound aria-hidden="true" />}>
              Sign in
            </Button>
          </form>
        )}
      </div>
      <div className="max-w-full text-center text-xs text-muted">
        No token? Whoever runs the server makes one, or a link:
        <code className="mx-auto mt-2 block w-fit rounded-md bg-sunken px-2 py-1 text-left wrap-anywhere">
          agentic-executions token create --user &lt;name&gt;
          <br />
          agentic-executions sign-in-link --user &lt;name&gt;
        </code>
      </div>
    </main>
  );
}
