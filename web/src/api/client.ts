/**
 * The one urql client: normalized cache, HTTP for queries and mutations, a WebSocket for what is
 * live. It speaks the public GraphQL API with the session's cookie, and nothing else.
 */
import { cacheExchange } from '@urql/exchange-graphcache';
import { Client, fetchExchange, mapExchange, subscriptionExchange } from 'urql';
import { createClient } from 'graphql-ws';
import introspection from '@/gql/introspection.json';
import { keys } from './keys';
import { setConnection } from './connection';
import { reportUnauthenticated } from './session';

const socketUrl = () => {
  const url = new URL('/graphql', window.location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
};

export function createApi(): Client {
  const socket = createClient({
    url: socketUrl(),
    lazy: true,
    lazyCloseTimeout: 5_000,
    retryAttempts: Number.POSITIVE_INFINITY,
    // 4401 and 4403 are final: whoever lost the session signs in again.
    shouldRetry: (reason) => !(reason instanceof CloseEvent && (reason.code === 4401 || reason.code === 4403)),
    on: {
      connected: () => setConnection('live'),
      closed: (reason) => {
        const code = reason instanceof CloseEvent ? reason.code : 0;
        if (code === 4401 || code === 4403) reportUnauthenticated();
        setConnection(code === 1000 ? 'idle' : 'reconnecting');
      },
    },
  });
  return new Client({
    url: '/graphql',
    // A mutation by POST; queries too, for their variables hold what belongs in no log.
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
      }),
      cacheExchange({ schema: introspection, keys }),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables }) => ({
          subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
        }),
      }),
    ],
  });
}
