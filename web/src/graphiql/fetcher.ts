/** How the playground speaks to the API: POST for queries and mutations, graphql-ws for subscriptions. */
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { createClient } from 'graphql-ws';

const socketUrl = () => {
  const url = new URL('/graphql', window.location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
};

export const createFetcher = () =>
  createGraphiQLFetcher({
    url: '/graphql',
    // Opened by the first subscription; closed with the last.
    wsClient: createClient({ url: socketUrl(), lazy: true }),
    enableIncrementalDelivery: false,
  });

/** One operation of the page itself; null where the session is over. */
export async function ask<Data>(query: string): Promise<Data | null> {
  const answer = await fetch('/graphql', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/graphql-response+json' },
    body: JSON.stringify({ query }),
  });
  if (answer.status === 401) return null;
  const { data, errors } = (await answer.json()) as { data?: Data; errors?: { message: string }[] };
  if (!data) throw new Error(errors?.[0]?.message ?? `the server answered ${answer.status}`);
  return data;
}

/** The name of whoever is signed in. */
export async function whoAmI(): Promise<string | null> {
  const data = await ask<{ viewer: { name: string } }>('query WhoAmI { viewer { name } }');
  return data && data.viewer.name;
}
