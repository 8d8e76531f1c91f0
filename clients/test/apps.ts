// Both caches, put together as their files say, over a server that a test plays.

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { Client, fetchExchange, subscriptionExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { liveLink, newestLink, typePolicies } from '../src/apollo.ts';
import type { Live } from '../src/live.ts';
import { forwardTo, graphcache, newestExchange } from '../src/urql.ts';

/** Nobody listens there: what is asked goes to the test's own `fetch`. */
const url = 'http://server.invalid/graphql';

/** Graphcache says to `logger` what it misses. */
export const urql = (
  fetch: typeof globalThis.fetch,
  live: Live,
  logger: (severity: string, message: string) => void = () => {},
): Client =>
  new Client({
    url,
    fetch,
    preferGetMethod: false,
    exchanges: [
      cacheExchange({ ...graphcache(live), logger }),
      newestExchange(),
      fetchExchange,
      subscriptionExchange({ forwardSubscription: forwardTo(live) }),
    ],
  });

export const apollo = (fetch: typeof globalThis.fetch, live: Live): ApolloClient =>
  new ApolloClient({
    cache: new InMemoryCache({ typePolicies: typePolicies(live) }),
    link: ApolloLink.from([
      newestLink(),
      ApolloLink.split(
        ({ operationType }) => operationType === 'subscription',
        liveLink(live),
        new HttpLink({ uri: url, fetch }),
      ),
    ]),
  });
