import { LogOut } from 'lucide-react';
import { useNavigate } from 'react-router';
import { useMutation } from 'urql';
import { MenuItem } from '@/components/Menu';
import { errorWords } from '@/components/states';
import { toast } from '@/components/toast';
import { graphql } from '@/gql';
import { useResetApi } from './ApiProvider';
import { paths } from './paths';

const SignOutDocument = graphql(/* GraphQL */ `
  mutation SignOut {
    signOut(input: { everywhere: false }) {
      signedOut
    }
  }
`);

export function SignOut() {
  const reset = useResetApi();
  const navigate = useNavigate();
  const [, signOut] = useMutation(SignOutDocument);
  return (
    <MenuItem
      icon={<LogOut aria-hidden="true" />}
      onSelect={() => {
        void signOut({}).then(({ error }) => {
          // Whoever leaves has to know when the session stays.
          if (error && error.response?.status !== 401) {
            toast(`You are still signed in. ${errorWords(error).detail}`, 'bad');
            return;
          }
          void navigate(paths.signIn());
          reset();
        });
      }}
    >
      Sign out
    </MenuItem>
  );
}
