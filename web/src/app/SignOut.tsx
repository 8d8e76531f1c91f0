import { LogOut } from 'lucide-react';
import { useNavigate } from 'react-router';
import { MenuItem } from '@/components/Menu';
import { useResetApi } from './ApiProvider';
import { paths } from './paths';

export function SignOut() {
  const reset = useResetApi();
  const navigate = useNavigate();
  return (
    <MenuItem
      icon={<LogOut aria-hidden="true" />}
      onSelect={() => {
        reset();
        void navigate(paths.signIn());
      }}
    >
      Sign out
    </MenuItem>
  );
}
