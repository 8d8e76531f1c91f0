import { RouterProvider } from 'react-router';
import { ErrorBoundary } from '@/components/ErrorBoundary';
import { Toasts } from '@/components/toast';
import { ApiProvider } from './ApiProvider';
import { router } from './router';

export function App() {
  return (
    <ErrorBoundary>
      <ApiProvider>
        <RouterProvider router={router} />
      </ApiProvider>
      <Toasts />
    </ErrorBoundary>
  );
}
