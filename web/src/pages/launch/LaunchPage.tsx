import { Page } from '@/components/Page';

export function Component() {
  return <Page title="Launch">{null}</Page>;
}
