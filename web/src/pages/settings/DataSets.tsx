/** The server's data sets: new ones and new names. For its admins. */
import { Plus } from 'lucide-react';
import { use, useState } from 'react';
import { Link } from 'react-router';
import { useMutation } from 'urql';
import { paths } from '@/app/paths';
import { ShellContext } from '@/app/ShellContext';
import { Button } from '@/components/Button';
import { ListEnd } from '@/components/ListEnd';
import { errorWords, SkeletonRows } from '@/components/states';
import { Table, Td, Th } from '@/components/Table';
import { toast } from '@/components/toast';
import { CreateDataSetDocument, RenameDataSetDocument } from './documents';
import { NameDialog } from './NameDialog';
import { Section } from './Section';

export function DataSets() {
  const { data, dataSets, missing, reload } = use(ShellContext);
  const [, create] = useMutation(CreateDataSetDocument);
  const [, rename] = useMutation(RenameDataSetDocument);
  const [dialog, setDialog] = useState<'new' | { id: string; name: string }>();

  const saveNew = async (name: string) => {
    const result = await create({ input: { name } });
    const made = result.data?.createDataSet.dataSet;
    if (!made) return result.data?.createDataSet.errors[0]?.message ?? (result.error ? errorWords(result.error).detail : 'It was not made');
    toast(`${made.name} is there: add members and agents`);
    reload();
    return undefined;
  };
  const saveName = (id: string) => async (name: string) => {
    const result = await rename({ input: { id, name } });
    const renamed = result.data?.updateDataSet.dataSet;
    if (!renamed) return result.data?.updateDataSet.errors[0]?.message ?? (result.error ? errorWords(result.error).detail : 'It was not renamed');
    toast(`It is called ${renamed.name} now`);
    return undefined;
  };

  return (
    <Section
      title="Data sets"
      description="What agents work on, and what access is granted to."
      action={
        <Button look="primary" icon={<Plus aria-hidden="true" />} onClick={() => setDialog('new')}>
          New data set
        </Button>
      }
    >
      {data ? (
        <>
          <Table label="Data sets">
            <thead>
              <tr>
                <Th>Name</Th>
                <Th>
                  <span className="sr-only">Actions</span>
                </Th>
              </tr>
            </thead>
            <tbody>
              {dataSets.map((one) => (
                <tr key={one.id}>
                  <Td className="font-medium">
                    <Link to={paths.history(one.id)} className="text-accent-text hover:underline">
                      {one.name}
                    </Link>
                  </Td>
                  <Td className="text-right">
                    <Button size="sm" aria-label={`Rename ${one.name}`} onClick={() => setDialog(one)}>
                      Rename
                    </Button>
                  </Td>
                </tr>
              ))}
            </tbody>
          </Table>
          <ListEnd missing={missing} />
        </>
      ) : (
        <SkeletonRows rows={3} label="Loading data sets" />
      )}
      {dialog === 'new' && (
        <NameDialog title="New data set" hint="Unique on the server." action="Create" onSave={saveNew} onClose={() => setDialog(undefined)} />
      )}
      {dialog && dialog !== 'new' && (
        <NameDialog
          title={`Rename ${dialog.name}`}
          hint="Unique on the server. Links stay good."
          initial={dialog.name}
          action="Rename"
          onSave={saveName(dialog.id)}
          onClose={() => setDialog(undefined)}
        />
      )}
    </Section>
  );
}
