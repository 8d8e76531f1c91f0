/**
 * The playground: GraphiQL with its own workers, bundled, in a document of its own. Its editor
 * writes styles, so the server gives this document a policy that allows them; the dashboard's does
 * not. Signed in by the same cookie.
 */
import 'graphiql/setup-workers/vite';
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import 'graphiql/style.css';
import { createClient } from 'graphql-ws';
import { createRoot } from 'react-dom/client';
import './graphiql.css';

const socket = new URL('/graphql', window.location.href);
socket.protocol = socket.protocol === 'https:' ? 'wss:' : 'ws:';

const fetcher = createGraphiQLFetcher({ url: '/graphql', wsClient: createClient({ url: socket.href, lazy: true }) });

const root = document.getElementById('root');
if (!root) throw new Error('graphiql.html has no #root');
createRoot(root).render(<GraphiQL fetcher={fetcher} />);
