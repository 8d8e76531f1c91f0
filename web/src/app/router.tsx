/**
 * Every route. A page is loaded when it is first opened; the shell stays. To add one: a folder in
 * `pages/` whose file exports `Component`, a line here, a link in `paths.ts`.
 */
import { createBrowserRouter } from 'react-router';
import { RouteError } from '@/components/ErrorBoundary';
import { Boot } from './Boot';
import { Home } from './Home';
import { NotFound } from './NotFound';
import { Shell } from './Shell';

export const router = createBrowserRouter([
  {
    ErrorBoundary: RouteError,
    HydrateFallback: Boot,
    children: [
      { path: '/sign-in', lazy: () => import('@/pages/sign-in/SignInPage') },
      {
        path: '/',
        Component: Shell,
        children: [
          { index: true, Component: Home },
          {
            path: 'sets/:dataSetId',
            ErrorBoundary: RouteError,
            children: [
              { index: true, Component: Home },
              { path: 'executions', lazy: () => import('@/pages/history/HistoryPage') },
              { path: 'executions/:executionId', lazy: () => import('@/pages/detail/DetailPage') },
              {
                path: 'executions/:executionId/conversations/:conversationId',
                lazy: () => import('@/pages/conversations/ConversationPage'),
              },
              { path: 'launch', lazy: () => import('@/pages/launch/LaunchPage') },
              { path: 'conversations', lazy: () => import('@/pages/conversations/ConversationsPage') },
              { path: 'conversations/:conversationId', lazy: () => import('@/pages/conversations/ConversationPage') },
              { path: 'agents', lazy: () => import('@/pages/agents/AgentsPage') },
              { path: 'agents/:agentId', lazy: () => import('@/pages/agents/AgentPage') },
              { path: 'records', lazy: () => import('@/pages/records/RecordsPage') },
              { path: 'overview', lazy: () => import('@/pages/overview/OverviewPage') },
              { path: 'settings', lazy: () => import('@/pages/settings/SettingsPage') },
            ],
          },
          { path: '*', Component: NotFound },
        ],
      },
    ],
  },
]);
