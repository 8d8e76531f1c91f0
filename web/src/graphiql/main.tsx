/**
 * The playground: GraphiQL on a page of its own, for its editor is bigger than the whole dashboard.
 * It is signed in by the dashboard's session and stores no credential. The operation that is open
 * stands in the URL, so that a link to the page is a link to the operation.
 */
import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import './graphiql.css';
import { createRoot } from 'react-dom/client';
import { StrictMode } from 'react';
import { whoAmI } from './fetcher';
import { Closed } from './Closed';
import { Playground } from './Playground';

const element = document.getElementById('root');
if (!element) throw new Error('graphiql.html has no #root');
const root = createRoot(element);

async function open() {
  const name = await whoAmI();
  if (name === null) {
    // Back to exactly this page, operation and all.
    const here = window.location.pathname + window.location.search;
    window.location.replace(`/sign-in?next=${encodeURIComponent(here)}`);
    return;
  }
  root.render(
    <StrictMode>
      <Playground viewer={name} />
    </StrictMode>,
  );
}

await open().catch((error: unknown) => {
  console.warn(error);
  root.render(
    <StrictMode>
      <Closed />
    </StrictMode>,
  );
});
