/** Holds the API client, and a new one for each session: nobody sees what another's cache held. */
import { createContext, type ReactNode, use, useMemo, useState } from 'react';
import { Provider } from 'urql';
import { createApi } from '@/api/client';

const Reset = createContext<() => void>(() => {});

export function ApiProvider({ children }: { children: ReactNode }) {
  const [session, setSession] = useState(0);
  // The number is what makes it a new one.
  const client = useMemo(() => (void session, createApi()), [session]);
  const reset = useMemo(() => () => setSession((one) => one + 1), []);
  return (
    <Reset value={reset}>
      <Provider value={client}>{children}</Provider>
    </Reset>
  );
}

/** Drops the cache and the socket: call it after signing in and after signing out. */
export function useResetApi(): () => void {
  return use(Reset);
}
