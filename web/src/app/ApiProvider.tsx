/** Holds the API client, and a new one for each session: nobody sees what another's cache held. */
import { createContext, type ReactNode, use, useEffect, useMemo, useState } from 'react';
import { Provider } from 'urql';
import { createApi, type Api } from '@/api/client';

const ApiContext = createContext<{ api: Api; reset: () => void } | undefined>(undefined);

export function ApiProvider({ children }: { children: ReactNode }) {
  const [api, setApi] = useState(createApi);
  useEffect(() => {
    // Streams end with the session that they belong to.
    return () => api.dispose();
  }, [api]);
  const value = useMemo(() => ({ api, reset: () => setApi(createApi()) }), [api]);
  return (
    <ApiContext value={value}>
      <Provider value={api.client}>{children}</Provider>
    </ApiContext>
  );
}

function useApi() {
  const value = use(ApiContext);
  if (!value) throw new Error('outside of ApiProvider');
  return value;
}

/** Runs streams that go on by cursor. `useSubscription` does too; this one is for what stays out of the cache. */
export const useLive = () => useApi().api.live;

/** Drops the cache and the streams: call it after signing in. */
export const useResetApi = () => useApi().reset;

/** Tries to connect at once, by a better way if there is one, instead of waiting for the next time. */
export const useReconnect = () => useApi().api.live.reconnect;
