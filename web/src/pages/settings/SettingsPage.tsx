/** What is not about executions: the viewer's access tokens, who is a member of the data set, and, for server admins, users and data sets. */
import { useSearchParams } from 'react-router';
import { useDataSet, useSession } from '@/app/ShellContext';
import { Page } from '@/components/Page';
import { type Tab, Tabs } from '@/components/Tabs';
import { DataSets } from './DataSets';
import { Members } from './Members';
import { Tokens } from './Tokens';
import { Users } from './Users';

export function Component() {
  const { id, dataSet } = useDataSet();
  const session = useSession();
  const [params, setParams] = useSearchParams();
  const tabs: Tab[] = [
    { key: 'tokens', label: 'Access tokens', content: <Tokens /> },
    {
      key: 'members',
      label: 'Members',
      content: <Members dataSetId={id} canManage={dataSet?.viewerCan.manageMembers ?? false} />,
    },
    ...(session?.isServerAdmin
      ? [
          { key: 'users', label: 'Users', content: <Users /> },
          { key: 'data-sets', label: 'Data sets', content: <DataSets /> },
        ]
      : []),
  ];
  const tab = params.get('tab') ?? 'tokens';
  return (
    <Page title="Settings" width="reading">
      <Tabs
        label="Settings"
        tabs={tabs}
        value={tabs.some((one) => one.key === tab) ? tab : 'tokens'}
        onChange={(key) => setParams(key === 'tokens' ? {} : { tab: key }, { replace: true })}
      />
    </Page>
  );
}
