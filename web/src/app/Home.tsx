import { Database } from 'lucide-react';
import { use } from 'react';
import { Navigate, useParams } from 'react-router';
import { EmptyState } from '@/components/states';
import { paths } from './paths';
import { lastDataSet, ShellContext } from './ShellContext';

/** Goes to the history of the data set that was open last, or of the first. */
export function Home() {
  const { dataSetId } = useParams();
  const { data } = use(ShellContext);
  if (dataSetId) return <Navigate replace to={paths.history(dataSetId)} />;
  if (!data) return null;
  const sets = data.dataSets.nodes;
  const last = lastDataSet.read();
  const target = sets.find((one) => one.id === last) ?? sets[0];
  if (target) return <Navigate replace to={paths.history(target.id)} />;
  return (
      <EmptyState icon={<Database aria-hidden="true" />} title="You are a member of no data set">
        Ask an admin of the server to add you to one.
      </EmptyState>
  );
}
