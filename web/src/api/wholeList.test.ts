import { cacheExchange } from '@urql/exchange-graphcache';
import { Kind, type DocumentNode, type FieldNode, visit } from 'graphql';
import { Client, fetchExchange } from 'urql';
import { expect, test } from 'vitest';
import { keys } from '~clients/urql.ts';
import * as generated from '@/gql/graphql';
import { LaunchAgentsDocument } from '@/pages/launch/operations';
import { followRest, nextOf, type Page, type Rest } from './wholeList';

type Agents = generated.LaunchAgentsQuery['agents'];
const listOf = (data: generated.LaunchAgentsQuery) => data.agents;

/** A server that has so many agents, and a client of it. `breaksAt` is the cursor that it fails at. */
function serving(total: number, breaksAt?: string) {
  const asked: (string | null)[] = [];
  const names = new Map<string, string>();
  const agent = (place: number) => ({
    __typename: 'Agent',
    id: `agt_${place}`,
    name: names.get(`agt_${place}`) ?? `Agent ${place}`,
    description: null,
    acceptsFiles: false,
    viewerCan: { __typename: 'AgentPermissions', launch: true },
  });
  const answer = async (_url: unknown, init?: RequestInit) => {
    const { variables } = JSON.parse(String(init?.body)) as { variables: { after?: string } };
    asked.push(variables.after ?? null);
    if (breaksAt && variables.after === breaksAt) return Response.json({ errors: [{ message: 'no' }] });
    const begin = Number(variables.after ?? 0);
    const end = Math.min(total, begin + 100);
    const agents = {
      __typename: 'AgentConnection',
      nodes: Array.from({ length: end - begin }, (_, place) => agent(begin + place + 1)),
      pageInfo: { __typename: 'PageInfo', hasNextPage: end < total, endCursor: String(end) },
    };
    return Response.json({ data: { agents } });
  };
  const client = new Client({
    url: 'http://server.invalid/graphql',
    preferGetMethod: false,
    fetch: answer as typeof fetch,
    exchanges: [cacheExchange({ keys }), fetchExchange],
  });
  const first = async (): Promise<Agents> => {
    const { data } = await client.query(LaunchAgentsDocument, { dataSetId: 'set_1' }).toPromise();
    if (!data) throw new Error('no first page');
    return data.agents;
  };
  const rename = (id: string, name: string) => names.set(id, name);
  return { client, asked, first, rename };
}

/** All that is offered in the end, as the hook puts it together. */
async function readWhole({ client, first }: ReturnType<typeof serving>) {
  const page: Page<{ id: string }> = await first();
  const cursor = nextOf(page);
  if (cursor === null) return { ids: page.nodes.map(({ id }) => id), missing: 'nothing', stop: () => {} };
  const told: Rest<{ id: string }>[] = [];
  let stop = () => {};
  const last = await new Promise<Rest<{ id: string }>>((resolve) => {
    stop = followRest(client, { query: LaunchAgentsDocument, variables: { dataSetId: 'set_1' }, listOf }, cursor, (rest) => {
      told.push(rest);
      if (rest.missing !== 'coming') resolve(rest);
    });
  });
  return { ids: [...page.nodes, ...last.nodes].map(({ id }) => id), missing: last.missing, stop, told };
}

const idsTo = (end: number) => Array.from({ length: end }, (_, place) => `agt_${place + 1}`);

test('a list of one page is asked for once', async () => {
  const server = serving(100);
  const { ids, missing } = await readWhole(server);
  expect({ ids, missing }).toEqual({ ids: idsTo(100), missing: 'nothing' });
  expect(server.asked).toEqual([null]);
});

test('the 101st is offered, and so is the last of three pages', async () => {
  expect((await readWhole(serving(101))).ids).toEqual(idsTo(101));
  const server = serving(250);
  const { ids, missing } = await readWhole(server);
  expect({ ids, missing }).toEqual({ ids: idsTo(250), missing: 'nothing' });
  expect(server.asked).toEqual([null, '100', '200']);
});

test('a list without end is read up to a thousand, and says that there is more', async () => {
  const server = serving(5_000);
  const { ids, missing } = await readWhole(server);
  expect({ ids, missing }).toEqual({ ids: idsTo(1_000), missing: 'beyond' });
  expect(server.asked).toHaveLength(10);
  expect((await readWhole(serving(1_000))).missing).toBe('nothing');
});

test('a page that fails leaves those before it, and says so', async () => {
  const { ids, missing } = await readWhole(serving(250, '200'));
  expect({ ids, missing }).toEqual({ ids: idsTo(200), missing: 'failed' });
});

test('what the cache learns of a later page is told, until that is ended', async () => {
  const server = serving(250);
  const { told = [], stop } = await readWhole(server);
  const times = told.length;
  const again = () =>
    server.client
      .query(LaunchAgentsDocument, { dataSetId: 'set_1', after: '200' }, { requestPolicy: 'network-only' })
      .toPromise();
  server.rename('agt_250', 'Renamed');
  await again();
  expect(told.length).toBeGreaterThan(times);
  expect(told.at(-1)?.nodes.at(-1)).toMatchObject({ id: 'agt_250', name: 'Renamed' });
  stop();
  server.rename('agt_250', 'Renamed again');
  const before = told.length;
  await again();
  expect(told.length).toBe(before);
});

test('no operation reads the beginning of a list without learning whether it goes on', () => {
  const documents = Object.entries(generated).filter(
    (entry): entry is [string, DocumentNode & typeof entry[1]] => entry[0].endsWith('Document'),
  );
  expect(documents.length).toBeGreaterThan(30);
  const blind = documents.flatMap(([name, document]) => {
    const found: string[] = [];
    visit(document as DocumentNode, {
      Field: (field) => {
        if (isBlind(field)) found.push(`${name}: ${field.name.value}`);
      },
    });
    return found;
  });
  expect(blind).toEqual([]);
});

function isBlind(field: FieldNode): boolean {
  const first = field.arguments?.find(({ name }) => name.value === 'first')?.value;
  const fields = (field.selectionSet?.selections ?? []).filter((one) => one.kind === Kind.FIELD);
  const names = (of: readonly FieldNode[]) => of.map(({ name }) => name.value);
  if (!first || !(names(fields).includes('nodes') || names(fields).includes('edges'))) return false;
  const pageInfo = fields.find(({ name }) => name.value === 'pageInfo')?.selectionSet?.selections ?? [];
  return !names(pageInfo.filter((one) => one.kind === Kind.FIELD)).includes('hasNextPage');
}
