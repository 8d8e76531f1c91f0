import { LogOut } from 'lucide-react';
import { useMutation } from 'urql';
import { leave } from '@/api/session';
import { MenuItem } from '@/components/Menu';
import { errorWords } from '@/components/states';
import { toast } from '@/components/toast';
import { graphql } from '@/gql';
import { paths } from './paths';

const SignOutDocument = graphql(/* GraphQL */ `
  mutation SignOut {
    signOut(input: { everywhere: false }) {
      signedOut
    }
  }
`);

export function SignOut() {
  const [, signOut] = useMutation(SignOutDocument);
  return (
    <MenuItem
      icon={<LogOut aria-hidden="true" />}
      onSelect={() => {
        // The end of the session is told to this page, too, by its streams: it is no reason to ask for a way back.
        const stay = leave();
        void signOut({}).then(({ error }) => {
          // Whoever leaves has to know when the session stays.
          if (error && error.response?.status !== 401) {
            stay();
            toast(`You are still signed in. ${errorWords(error).detail}`, 'bad');
            return;
          }
          // The page as a whole: whoever comes next finds nothing of it, not even in memory.
          window.location.assign(paths.signIn());
        });
      }}
    >
      Sign out
    </MenuItem>
  );
}
