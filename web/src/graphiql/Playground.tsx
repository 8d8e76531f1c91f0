import { useEffect, useMemo, useRef, useState } from 'react';
import { GraphiQL } from 'graphiql';
import { ToolbarButton, type GraphiQLPlugin } from '@graphiql/react';
import { DOC_EXPLORER_PLUGIN } from '@graphiql/plugin-doc-explorer';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { createFetcher } from './fetcher';
import { read, write, type Operation } from './location';
import { nameTabsRight } from './tabs';
import { startersPlugin } from './Starters';

const WELCOME = `# Ctrl-Space completes, Ctrl-Enter runs.
# The pane on the left has the schema with its
# documentation, and operations to begin with.

query Newest {
  viewer {
    name
  }
  executions(first: 5) {
    nodes {
      id
      status
      executionKey
      createdAt
    }
  }
}
`;

const plugins: GraphiQLPlugin[] = [startersPlugin, HISTORY_PLUGIN];

/** Where GraphiQL remembers which pane was open. */
const PANE = 'graphiql:visiblePlugin';

/** The dashboard's theme: this page has no choice of its own. */
function chosenTheme(): 'light' | 'dark' | 'system' {
  const chosen = localStorage.getItem('theme');
  return chosen === 'light' || chosen === 'dark' ? chosen : 'system';
}

export function Playground({ viewer }: { viewer: string }) {
  const fetcher = useMemo(() => createFetcher(), []);
  const [initial] = useState(() => read(window.location.search));
  const [isNew] = useState(() => localStorage.getItem(PANE) === null && initial.query === undefined && window.innerWidth > 900);
  const operation = useRef<Operation>({ query: initial.query ?? WELCOME, variables: initial.variables ?? '' });

  const follow = (next: Operation) => {
    operation.current = next;
    const search = next.query === WELCOME ? '' : write(next);
    // Too long for a URL: the one that is there would open something else.
    window.history.replaceState(null, '', window.location.pathname + (search ?? ''));
  };

  useEffect(() => nameTabsRight(document.body), []);

  return (
    <main className="playground">
      <h1 className="playground-hidden">Playground</h1>
      <GraphiQL
        fetcher={fetcher}
        plugins={plugins}
        // Whoever comes for the first time is shown where to begin.
        {...(isNew ? { visiblePlugin: startersPlugin } : {})}
        referencePlugin={DOC_EXPLORER_PLUGIN}
        forcedTheme={chosenTheme()}
        defaultQuery={WELCOME}
        initialQuery={initial.query}
        initialVariables={initial.variables}
        defaultEditorToolsVisibility="variables"
        isHeadersEditorEnabled={false}
        showPersistHeadersSettings={false}
        inputValueDeprecation
        schemaDescription
        // A JSON scalar takes any value, not only a plain one.
        customScalarSchemas={{ JSON: {} }}
        onTabChange={({ tabs, activeTabIndex }) => {
          const tab = tabs[activeTabIndex];
          follow({ query: tab?.query ?? '', variables: tab?.variables ?? '' });
        }}
      >
        <GraphiQL.Logo>
          <span className="playground-viewer">
            Signed in as <strong>{viewer}</strong>
          </span>
          <a className="playground-home" href="/">
            Dashboard
          </a>
        </GraphiQL.Logo>
        <GraphiQL.Toolbar>
          {({ prettify, copy, merge }) => (
            <>
              {prettify}
              {merge}
              {copy}
              <Share operation={() => operation.current} />
            </>
          )}
        </GraphiQL.Toolbar>
      </GraphiQL>
    </main>
  );
}

type Shared = 'no' | 'copied' | 'too-long' | 'refused';

const SAID: Record<Shared, string> = {
  no: '',
  copied: 'Link copied.',
  'too-long': 'Too long for a link: copy the operation instead.',
  refused: 'The browser did not let the link be copied: it stands in the address bar.',
};

function Share({ operation }: { operation: () => Operation }) {
  const [shared, setShared] = useState<Shared>('no');
  useEffect(() => {
    if (shared === 'no') return;
    const timer = setTimeout(() => setShared('no'), 4_000);
    return () => clearTimeout(timer);
  }, [shared]);

  const share = async () => {
    const search = write(operation());
    if (search === null) return setShared('too-long');
    const link = window.location.origin + window.location.pathname + search;
    // Without a secure context (plain HTTP to another machine) there is no clipboard.
    await navigator.clipboard?.writeText(link).then(
      () => setShared('copied'),
      () => setShared('refused'),
    );
    if (!navigator.clipboard) setShared('refused');
  };

  return (
    <>
      <ToolbarButton label="Copy a link to this operation" onClick={() => void share()}>
        <svg className="graphiql-toolbar-icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.8" aria-hidden="true">
          <path d="M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1" strokeLinecap="round" />
        </svg>
      </ToolbarButton>
      <div className="playground-said" role="status">
        {SAID[shared]}
      </div>
    </>
  );
}
