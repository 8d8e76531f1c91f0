import { Notice } from '@/components/states';
import type { JsonValue } from '@/api/json';
import { placeOf, placeWords } from './issues';
import type { SchemaInputState } from './useSchemaInput';

/** As many are named; the form shows all. */
const NAMED = 5;

/** What has to be put right, each leading to its field. Nothing where nothing has. */
export function IssuesNotice({ what, schema, input }: { what: string; schema: JsonValue; input: SchemaInputState }) {
  const { issues, goTo } = input;
  if (issues.length === 0) return null;
  return (
    <Notice>
      {issues.length === 1 ? `One thing in the ${what} has to be put right: ` : `${issues.length} things in the ${what} have to be put right: `}
      {issues.slice(0, NAMED).map((issue, at) => (
        <span key={`${issue.pointer} ${issue.property} ${issue.message}`}>
          {at > 0 && ', '}
          {placeOf(issue).length > 0 ? (
            <button type="button" className="rounded underline underline-offset-2" onClick={() => goTo(issue)}>
              {placeWords(issue, schema)}
            </button>
          ) : (
            issue.message
          )}
        </span>
      ))}
      {issues.length > NAMED && ' and more'}
    </Notice>
  );
}
