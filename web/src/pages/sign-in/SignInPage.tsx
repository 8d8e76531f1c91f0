import { Page } from '@/components/Page';

export function Component() {
  return <Page title="Sign in">{null}</Page>;
}
