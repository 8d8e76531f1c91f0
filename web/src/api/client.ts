/**
 * The one urql client: normalized cache, HTTP for queries and mutations, and for what is live the
 * `Live` of `clients/`, which goes on by cursor whatever breaks. It speaks the public GraphQL API
 * with the session's cookie, and nothing else.
 */
import { cacheExchange } from '@urql/exchange-graphcache';
import { Client, fetchExchange, mapExchange, subscriptionExchange } from 'urql';
import { Live } from '~clients/live.ts';
import { asWrittenExchange, forwardTo, keys, newestExchange } from '~clients/urql.ts';
import introspection from '@/gql/introspection.json';
import { setConnection } from './connection';
import { reportUnauthenticated } from './session';
import { forgetUnsent } from './unsent';

export interface Api {
  client: Client;
  /** For streams that a page keeps out of the cache; `useSubscription` runs over it too. */
  live: Live;
  dispose(): void;
}

export function createApi(): Api {
  const live = new Live({ url: '/graphql', onState: setConnection });
  const client = new Client({
    url: '/graphql',
    // Queries by POST too: their variables hold what belongs in no log.
    preferGetMethod: false,
    fetchOptions: { credentials: 'same-origin' },
    exchanges: [
      mapExchange({
        onError: (error) => {
          const expired =
            error.response?.status === 401 ||
            error.graphQLErrors.some((one) => one.extensions.code === 'UNAUTHENTICATED');
          if (expired) reportUnauthenticated();
        },
        onResult: ({ data }: { data?: { signOut?: { signedOut?: boolean } } | undefined }) => {
          if (data?.signOut?.signedOut) forgetUnsent();
        },
      }),
      cacheExchange({ schema: introspection, keys }),
      newestExchange(),
      asWrittenExchange(),
      fetchExchange,
      subscriptionExchange({ forwardSubscription: forwardTo(live) }),
    ],
  });
  return { client, live, dispose: () => live.dispose() };
}
