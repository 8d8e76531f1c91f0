import { Compass } from 'lucide-react';
import { ButtonLink } from '@/components/Button';
import { EmptyState } from '@/components/states';
import { paths } from './paths';

/** For addresses that lead nowhere, and for what is not there or not the viewer's: the two look the same. */
export function NotFound({ what = 'page' }: { what?: string }) {
  return (
    <div className="pt-16">
      <EmptyState
        isPage
        icon={<Compass aria-hidden="true" />}
        title={`There is no such ${what}`}
        action={<ButtonLink to={paths.home}>Go to the history</ButtonLink>}
      >
        It may have been removed, or it is not yours to see.
      </EmptyState>
    </div>
  );
}
