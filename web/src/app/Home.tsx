import { Database } from 'lucide-react';
import { use } from 'react';
import { Navigate, useParams } from 'react-router';
import { EmptyState } from '@/components/states';
import { paths } from './paths';
import { lastDataSet, ShellContext } from './ShellContext';

/** Goes to the history of the data set that was open last, or of the first. */
export function Home() {
  const { dataSetId } = useParams();
  const { data, dataSets, missing } = use(ShellContext);
  if (dataSetId) return <Navigate replace to={paths.history(dataSetId)} />;
  if (!data) return null;
  const last = lastDataSet.read();
  const lately = dataSets.find((one) => one.id === last);
  // It may be in what is still on its way.
  if (last && !lately && missing === 'coming') return null;
  const target = lately ?? dataSets[0];
  if (target) return <Navigate replace to={paths.history(target.id)} />;
  return (
      <EmptyState icon={<Database aria-hidden="true" />} title="You are a member of no data set">
        Ask an admin of the server to add you to one.
      </EmptyState>
  );
}
