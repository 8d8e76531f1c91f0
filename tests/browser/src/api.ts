// The API as the tests speak it to set a stage: what a page is to show is made here, and looked at there.
import { readFileSync } from 'node:fs';
import type { Server } from './server.ts';

export interface Api {
  /** Runs an operation; top-level errors and refusals fail the test. */
  <T = any>(query: string, variables?: Record<string, unknown>): Promise<T>;
}

export function api(server: Pick<Server, 'url'>, token: string): Api {
  return async (query, variables = {}) => {
    const response = await fetch(new URL('/graphql', server.url), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
      body: JSON.stringify({ query, variables }),
    });
    const answer = (await response.json()) as { data?: any; errors?: { message: string }[] };
    if (answer.errors) throw new Error(answer.errors.map((error) => error.message).join('; '));
    for (const payload of Object.values(answer.data ?? {}) as any[]) {
      if (payload?.errors?.length) throw new Error(JSON.stringify(payload.errors));
    }
    return answer.data;
  };
}

const refusals = 'errors { __typename ... on UserError { code message path } }';

export interface Stage {
  dataSetId: string;
  /** By their type's key. */
  agents: Record<string, string>;
}

/** A new data set with an agent of the trials, for a member whom the admin makes its admin, too. */
export async function stageOf(admin: Api, member: Api, name: string): Promise<Stage> {
  const { viewer } = await member('{ viewer { id } }');
  const { createDataSet } = await admin(
    `mutation($input: CreateDataSetInput!) { createDataSet(input: $input) { dataSet { id } ${refusals} } }`,
    { input: { name } },
  );
  const dataSetId = createDataSet.dataSet.id;
  await admin(
    `mutation($input: SetDataSetMemberInput!) { setDataSetMember(input: $input) { ${refusals} } }`,
    { input: { dataSetId, userId: viewer.id, role: 'ADMIN' } },
  );
  const { createAgent } = await member(
    `mutation($input: CreateAgentInput!) { createAgent(input: $input) { agent { id } ${refusals} } }`,
    { input: { dataSetId, agentTypeKey: 'trials', name: 'Trials' } },
  );
  return { dataSetId, agents: { trials: createAgent.agent.id } };
}

/** The demo's data set and its agents by type: one of each shipped one, and one of the trials. */
export async function stage(viewer: Api): Promise<Stage> {
  const { dataSets } = await viewer('{ dataSets(first: 1) { nodes { id agents(first: 50) { nodes { id agentTypeKey } } } } }');
  const [dataSet] = dataSets.nodes;
  return {
    dataSetId: dataSet.id,
    agents: Object.fromEntries(dataSet.agents.nodes.map((agent: any) => [agent.agentTypeKey, agent.id])),
  };
}

export interface Launch {
  agentId: string;
  executionKey: string;
  input?: unknown;
  labels?: string[];
  fileIds?: string[];
}

export async function launch(viewer: Api, input: Launch): Promise<{ id: string; conversationId: string }> {
  const { launchExecution } = await viewer(
    `mutation($input: LaunchExecutionInput!) {
      launchExecution(input: $input) { execution { id conversation { id } } ${refusals} }
    }`,
    { input },
  );
  const { execution } = launchExecution;
  return { id: execution.id, conversationId: execution.conversation.id };
}

/** Stores the shipped data sheet for an agent, by the multipart request specification. */
export async function upload(server: Pick<Server, 'url'>, token: string, agentId: string): Promise<any> {
  const path = new URL(
    '../../../definitions/catalog-enrichment/executions/catalog-enrichment/samples/data-sheet.csv',
    import.meta.url,
  );
  const form = new FormData();
  const query = `mutation($input: UploadFileInput!) { uploadFile(input: $input) { file { id } ${refusals} } }`;
  form.set('operations', JSON.stringify({ query, variables: { input: { agentId, file: null } } }));
  form.set('map', JSON.stringify({ 0: ['variables.input.file'] }));
  form.set('0', new File([readFileSync(path)], 'data-sheet.csv', { type: 'text/csv' }));
  const response = await fetch(new URL('/graphql', server.url), {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'GraphQL-Require-Preflight': '1' },
    body: form,
  });
  return ((await response.json()) as { data: unknown }).data;
}

/** Waits for the end of an execution, on its stream, and gives the status that it ended in. */
export async function ended(server: Pick<Server, 'url'>, token: string, id: string): Promise<string> {
  const response = await fetch(new URL('/graphql', server.url), {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'text/event-stream',
      Authorization: `Bearer ${token}`,
    },
    body: JSON.stringify({
      query: 'subscription($id: ID!) { executionStatus(id: $id) { status isTerminal } }',
      variables: { id },
    }),
  });
  // It completes with the execution.
  const said = await response.text();
  const last = [...said.matchAll(/"status":"([A-Z_]+)","isTerminal":(true|false)/g)].at(-1);
  if (last?.[2] !== 'true') throw new Error(`${id} did not end: ${response.status} ${said.slice(-2_000)}`);
  return last[1]!;
}
