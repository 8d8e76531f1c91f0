import { Component, type ErrorInfo, type ReactNode } from 'react';
import { useRouteError } from 'react-router';
import { Button } from './Button';

/** Said when a part of the page broke. The details are for the console, the words for people. */
export function Broken({ onRetry }: { onRetry: () => void }) {
  return (
    <div role="alert" className="mx-auto flex max-w-md flex-col items-center gap-3 px-6 py-24 text-center">
      <h1 className="text-xl font-semibold">This page broke</h1>
      <p className="text-sm text-muted">
        The mistake is in the page, not in your data: executions go on. Reload to go on from what the server knows. If
        it happens again, the browser's console says where.
      </p>
      <Button look="primary" onClick={onRetry}>
        Reload
      </Button>
    </div>
  );
}

const reload = () => window.location.reload();

/** For routes: also when a new build has replaced a page's script. */
export function RouteError() {
  console.error(useRouteError());
  return <Broken onRetry={reload} />;
}

export class ErrorBoundary extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };
  static getDerivedStateFromError() {
    return { broken: true };
  }
  override componentDidCatch(error: Error, info: ErrorInfo) {
    console.error(error, info.componentStack);
  }
  override render() {
    return this.state.broken ? <Broken onRetry={reload} /> : this.props.children;
  }
}
