/** The frame around every page: navigation, data-set switcher, connection, and who is signed in. */
import { Menu as MenuIcon } from 'lucide-react';
import { useEffect, useMemo, useState } from 'react';
import { Outlet, ScrollRestoration, useLocation, useNavigate, useNavigation, useNavigationType, useParams } from 'react-router';
import { onUnauthenticated } from '@/api/session';
import { useWholeList } from '@/api/useWholeList';
import { IconButton } from '@/components/Button';
import { Layer } from '@/components/Layer';
import { ErrorState } from '@/components/states';
import { useBackdrop } from '@/components/useBackdrop';
import { graphql } from '@/gql';
import type { ShellQuery } from '@/gql/graphql';
import { ConnectionBadge } from './ConnectionBadge';
import { paths } from './paths';
import { lastDataSet, ShellContext } from './ShellContext';
import { Sidebar } from './Sidebar';
import { useFocus } from './useFocus';

const ShellDocument = graphql(/* GraphQL */ `
  query Shell($after: String) {
    session {
      id
      isServerAdmin
      user {
        id
        name
      }
    }
    dataSets(first: 100, after: $after) {
      nodes {
        id
        name
        viewerRole
        viewerCan {
          launch
          manageAgents
          manageMembers
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

const dataSetsOf = (data: ShellQuery) => data.dataSets;

/** Of Tailwind's `lg`. */
const WIDE = '(min-width: 64rem)';

export function Shell() {
  const { data, nodes: dataSets, missing, error, reload } = useWholeList({ query: ShellDocument, variables: {}, listOf: dataSetsOf });
  const { dataSetId } = useParams();
  const location = useLocation();
  const navigate = useNavigate();
  const navigation = useNavigation();
  const [drawer, setDrawer] = useState<HTMLDialogElement | null>(null);
  // Where it was opened: it closes by going elsewhere.
  const [drawerAt, setDrawerAt] = useState<string>();
  const drawerOpen = drawerAt === location.key;

  const here = location.pathname + location.search + location.hash;
  useEffect(() => onUnauthenticated(() => void navigate(paths.signIn(here), { replace: true })), [navigate, here]);

  useEffect(() => {
    if (dataSetId) lastDataSet.write(dataSetId);
  }, [dataSetId]);

  useEffect(() => {
    if (!drawer || !drawerOpen) return;
    drawer.showModal();
    // Where the page is wide enough to show the navigation beside it there is no drawer: nobody could close it.
    const wide = window.matchMedia(WIDE);
    const close = () => setDrawerAt(undefined);
    wide.addEventListener('change', close);
    return () => {
      wide.removeEventListener('change', close);
      drawer.close();
    };
  }, [drawer, drawerOpen]);
  const beside = useBackdrop(() => setDrawerAt(undefined));
  // After the drawer, which gives the focus back as it closes.
  useFocus(location.pathname, useNavigationType());

  const shell = useMemo(() => ({ data, dataSets, missing, reload }), [data, dataSets, missing, reload]);
  return (
    <ShellContext value={shell}>
      <a
        href="#content"
        className="sr-only z-50 rounded-md bg-accent px-3 py-2 text-sm text-on-accent focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        Skip to the content
      </a>
      {navigation.state === 'loading' && (
        <div aria-hidden="true" className="fixed inset-x-0 top-0 z-50 h-0.5 animate-pulse-soft bg-accent" />
      )}
      <div className="lg:pl-60">
        <aside className="fixed inset-y-0 left-0 hidden w-60 border-r bg-sunken lg:block">
          <Sidebar />
        </aside>
        <header className="sticky top-0 z-30 flex h-12 items-center gap-2 border-b bg-bg/95 px-2 backdrop-blur-sm lg:hidden">
          <IconButton label="Open navigation" aria-expanded={drawerOpen} onClick={() => setDrawerAt(location.key)}>
            <MenuIcon aria-hidden="true" />
          </IconButton>
          <span className="min-w-0 flex-1 truncate text-sm font-medium">
            {dataSets.find((one) => one.id === dataSetId)?.name}
          </span>
          <ConnectionBadge className="shrink-0" />
        </header>
        <dialog
          ref={setDrawer}
          aria-label="Navigation"
          onClose={() => setDrawerAt(undefined)}
          {...beside}
          className="h-dvh max-h-none w-72 max-w-[85vw] border-r bg-sunken shadow-pop lg:hidden"
        >
          <Layer value={drawer}>{drawerOpen && <Sidebar />}</Layer>
        </dialog>
        <main id="content" tabIndex={-1} className="min-h-dvh outline-none">
          {/* Nothing of one data set is shown in another: no page of it, no search, no draft of a dialog. */}
          {error && !data ? <ErrorState error={error} onRetry={reload} /> : <Outlet key={dataSetId} />}
        </main>
      </div>
      <ScrollRestoration />
    </ShellContext>
  );
}
