/** The pane with operations to begin with. Each opens in a tab of its own, its variables filled in. */
import { useState } from 'react';
import { useGraphiQL, useGraphiQLActions, type GraphiQLPlugin } from '@graphiql/react';
import { ask } from './fetcher';
import { KNOWN_QUERY, starters, type Known, type Starter } from './starters';

interface KnownData {
  dataSets: {
    nodes: {
      id: string;
      agents: { nodes: { id: string; executionTypes: { key: string; examples: { input: unknown }[] }[] }[] };
    }[];
  };
  executions: { nodes: { id: string; conversation: { id: string } }[] };
}

async function findKnown(): Promise<Known> {
  const data = await ask<KnownData>(KNOWN_QUERY).catch(() => null);
  const dataSet = data?.dataSets.nodes[0];
  const agent = dataSet?.agents.nodes[0];
  const type = agent?.executionTypes[0];
  const execution = data?.executions.nodes[0];
  return {
    dataSetId: dataSet?.id ?? null,
    agentId: agent?.id ?? null,
    executionKey: type?.key ?? null,
    exampleInput: type?.examples[0]?.input ?? null,
    executionId: execution?.id ?? null,
    conversationId: execution?.conversation.id ?? null,
  };
}

function Pane() {
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const variableEditor = useGraphiQL((state) => state.variableEditor);
  const { addTab } = useGraphiQLActions();
  const [busy, setBusy] = useState(false);

  const open = async (starter: Starter) => {
    setBusy(true);
    // Asked anew for each: the newest execution is the one worth watching.
    const variables = starter.variables(await findKnown());
    setBusy(false);
    addTab();
    queryEditor?.setValue(starter.query);
    variableEditor?.setValue(JSON.stringify(variables, null, 2));
    queryEditor?.focus();
  };

  return (
    <section className="starters" aria-label="Starters">
      <h2 className="graphiql-doc-explorer-title">Starters</h2>
      <p>Operations to begin with. The variables name things that you have.</p>
      <ul>
        {starters.map((starter) => (
          <li key={starter.title}>
            <button type="button" disabled={busy || !queryEditor || !variableEditor} onClick={() => void open(starter)}>
              <strong>{starter.title}</strong>
              <span>{starter.description}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Icon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.6" aria-hidden="true">
      <path d="M13 3 5 13.5h6L10 21l9-11h-6.5L13 3Z" strokeLinejoin="round" />
    </svg>
  );
}

export const startersPlugin: GraphiQLPlugin = { title: 'Starters', icon: Icon, content: Pane };

