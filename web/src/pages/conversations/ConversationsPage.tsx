import { Page } from '@/components/Page';

export function Component() {
  return <Page title="Conversations">{null}</Page>;
}
