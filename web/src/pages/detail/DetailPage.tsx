import { Page } from '@/components/Page';

export function Component() {
  return <Page title="Execution">{null}</Page>;
}
