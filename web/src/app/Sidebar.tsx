import { clsx } from 'clsx';
import {
  Bot,
  ChartColumn,
  ChevronsUpDown,
  CirclePlay,
  Database,
  History,
  type LucideIcon,
  MessagesSquare,
  Monitor,
  Moon,
  Settings,
  Sun,
  Table2,
  Terminal,
} from 'lucide-react';
import { use } from 'react';
import { NavLink, useLocation, useNavigate } from 'react-router';
import { MISSING_WORDS } from '@/components/ListEnd';
import { Menu, MenuLabel, MenuRadio, MenuRadioGroup, MenuSeparator } from '@/components/Menu';
import { Skeleton } from '@/components/states';
import { ConnectionBadge } from './ConnectionBadge';
import { paths } from './paths';
import { SignOut } from './SignOut';
import { ShellContext, useDataSet } from './ShellContext';
import { setTheme, type Theme, useTheme } from './theme';

const linkClass =
  'flex h-8 items-center gap-2.5 rounded-md px-2 text-sm font-medium text-muted hover:bg-hover hover:text-text [&_svg]:size-4 [&_svg]:shrink-0';

function Item({ to, icon: Icon, children }: { to: string; icon: LucideIcon; children: string }) {
  return (
    <li>
      <NavLink
        to={to}
        className={({ isActive }) =>
          clsx(linkClass, isActive && 'bg-surface text-text! shadow-card ring-1 ring-line [&_svg]:text-accent-text')
        }
      >
        <Icon aria-hidden="true" />
        {children}
      </NavLink>
    </li>
  );
}

export function Sidebar() {
  const { dataSets } = use(ShellContext);
  const { id } = useDataSet();
  const set = id || dataSets[0]?.id;
  return (
    <div className="flex h-full flex-col gap-3 p-3">
      <DataSetSwitcher />
      <nav aria-label="Pages" className="min-h-0 flex-1 overflow-y-auto p-0.5 -m-0.5">
        {set && (
          <ul className="flex flex-col gap-0.5">
            <Item to={paths.history(set)} icon={History}>
              History
            </Item>
            <Item to={paths.launch(set)} icon={CirclePlay}>
              Launch
            </Item>
            <Item to={paths.conversations(set)} icon={MessagesSquare}>
              Conversations
            </Item>
            <li aria-hidden="true" className="h-3" />
            <Item to={paths.agents(set)} icon={Bot}>
              Agents
            </Item>
            <Item to={paths.records(set)} icon={Table2}>
              Records
            </Item>
            <Item to={paths.overview(set)} icon={ChartColumn}>
              Overview
            </Item>
            <li aria-hidden="true" className="h-3" />
            <li>
              {/* Another document under another policy, so not a link of the router. */}
              <a href={paths.playground} className={linkClass}>
                <Terminal aria-hidden="true" />
                Playground
              </a>
            </li>
            <Item to={paths.settings(set)} icon={Settings}>
              Settings
            </Item>
          </ul>
        )}
      </nav>
      <ConnectionBadge />
      <UserMenu />
    </div>
  );
}

const switcherClass =
  'flex h-10 w-full min-w-0 items-center gap-2.5 rounded-lg border border-transparent px-2 text-left text-sm font-medium hover:bg-hover data-[state=open]:bg-hover';

function DataSetSwitcher() {
  const { data, dataSets, missing } = use(ShellContext);
  const { id, dataSet } = useDataSet();
  const { pathname } = useLocation();
  const navigate = useNavigate();
  return (
    <Menu
      className="w-56"
      trigger={
        <button type="button" className={switcherClass}>
          <span className="sr-only">Data set:</span>
          <span
            aria-hidden="true"
            className="flex size-6 shrink-0 items-center justify-center rounded-md bg-accent text-xs font-semibold text-on-accent"
          >
            {dataSet ? dataSet.name.slice(0, 1).toUpperCase() : <Database className="size-3.5" />}
          </span>
          <span className="min-w-0 flex-1 truncate">
            {dataSet?.name ?? (data && missing !== 'coming' ? 'No data set' : <Skeleton className="h-4 w-24" />)}
          </span>
          <ChevronsUpDown aria-hidden="true" className="size-4 shrink-0 text-faint" />
        </button>
      }
    >
      <MenuLabel>Data sets</MenuLabel>
      <MenuRadioGroup
        value={id}
        onChange={(next) => {
          // The same kind of page in the other data set; a single thing of this one leads to its list.
          const page = pathname.split('/')[3] ?? 'executions';
          void navigate(`/sets/${next}/${page}`);
        }}
      >
        {dataSets.map((one) => (
          <MenuRadio key={one.id} value={one.id}>
            {one.name}
          </MenuRadio>
        ))}
      </MenuRadioGroup>
      {/* A menu takes no live region. */}
      {missing !== 'nothing' && <MenuLabel>{MISSING_WORDS[missing]}</MenuLabel>}
    </Menu>
  );
}

const isTheme = (value: string): value is Theme => value === 'light' || value === 'dark' || value === 'system';

function UserMenu() {
  const { data } = use(ShellContext);
  const theme = useTheme();
  const name = data?.session.user.name;
  return (
    <Menu
      side="top"
      className="w-56"
      trigger={
        <button type="button" className={switcherClass}>
          <span className="sr-only">Signed in as</span>
          <span
            aria-hidden="true"
            className="flex size-6 shrink-0 items-center justify-center rounded-full bg-line text-xs font-semibold text-muted"
          >
            {name?.slice(0, 1).toUpperCase()}
          </span>
          <span className="min-w-0 flex-1 truncate">{name ?? <Skeleton className="h-4 w-20" />}</span>
          <ChevronsUpDown aria-hidden="true" className="size-4 shrink-0 text-faint" />
        </button>
      }
    >
      <MenuLabel>Theme</MenuLabel>
      <MenuRadioGroup
        value={theme}
        onChange={(next) => {
          if (isTheme(next)) setTheme(next);
        }}
      >
        <MenuRadio value="system" icon={<Monitor aria-hidden="true" />}>
          System
        </MenuRadio>
        <MenuRadio value="light" icon={<Sun aria-hidden="true" />}>
          Light
        </MenuRadio>
        <MenuRadio value="dark" icon={<Moon aria-hidden="true" />}>
          Dark
        </MenuRadio>
      </MenuRadioGroup>
      <MenuSeparator />
      <SignOut />
    </Menu>
  );
}
