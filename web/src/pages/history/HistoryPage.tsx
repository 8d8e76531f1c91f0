import { Page } from '@/components/Page';

export function Component() {
  return <Page title="History">{null}</Page>;
}
