/** What the shell knows and pages may ask for without a request of their own. */
import { createContext, use } from 'react';
import { useParams } from 'react-router';
import type { Missing } from '@/api/wholeList';
import type { ShellQuery } from '@/gql/graphql';

export interface ShellData {
  /** Undefined until the first answer. */
  data: ShellQuery | undefined;
  /** Those of the viewer; of very many the first answer has only the beginning. */
  dataSets: ShellDataSet[];
  missing: Missing;
  /** Asks the server again: after a data set was made, or a role changed. */
  reload: () => void;
}

export const ShellContext = createContext<ShellData>({ data: undefined, dataSets: [], missing: 'nothing', reload: () => {} });

export type ShellDataSet = ShellQuery['dataSets']['nodes'][number];

/** The data set of this address. Its id is there at once, the rest with the shell's first answer. */
export function useDataSet(): { id: string; dataSet: ShellDataSet | undefined } {
  const { dataSetId = '' } = useParams();
  const { dataSets } = use(ShellContext);
  return { id: dataSetId, dataSet: dataSets.find((one) => one.id === dataSetId) };
}

/** Who is signed in; undefined until the shell's first answer. */
export function useSession(): ShellQuery['session'] | undefined {
  return use(ShellContext).data?.session;
}

const LAST = 'last-data-set';
export const lastDataSet = {
  read: (): string | null => localStorage.getItem(LAST),
  write: (id: string): void => localStorage.setItem(LAST, id),
};
