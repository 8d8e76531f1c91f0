/** A tool call: what was asked for, what came back, how long it took. Folded, and red where it failed. */
import { clsx } from 'clsx';
import { CircleX, Wrench } from 'lucide-react';
import { useQuery } from 'urql';
import type { JsonValue } from '@/api/json';
import { Badge } from '@/components/Badge';
import { JsonTree } from '@/components/JsonTree';
import { Spinner } from '@/components/Spinner';
import { errorWords, Skeleton } from '@/components/states';
import { bytes, span } from '@/components/time';
import { ToolOutputDocument } from './documents';
import { FileChips } from './Files';
import { Fold } from '@/components/Fold';
import type { ToolCall, ToolResult } from './transcript';

export function ToolCallCard({
  call,
  result,
  isOver,
}: {
  /** Missing where it lies before what is loaded. */
  call?: ToolCall;
  result: ToolResult | undefined;
  /** Nothing runs any more: a call without a result was cut off. */
  isOver: boolean;
}) {
  const tool = call?.tool ?? result?.tool ?? 'tool';
  const failed = result?.isError ?? false;
  return (
    <Fold
      className={clsx('rounded-lg border px-3 py-2', failed ? 'border-bad/40 bg-bad-soft/40' : 'bg-surface')}
      summary={
        <>
          {failed ? (
            <CircleX aria-hidden="true" className="size-4 shrink-0 text-bad" />
          ) : (
            <Wrench aria-hidden="true" className="size-4 shrink-0 text-faint" />
          )}
          <code className="text-xs font-medium">{tool}</code>
          {call && <span className="min-w-0 truncate font-mono text-xs text-faint max-sm:hidden">{preview(call.arguments)}</span>}
          <span className="ml-auto flex shrink-0 items-center gap-2 text-xs text-muted">
            {failed && <Badge tone="bad">failed</Badge>}
            {result ? (
              <>
                <span className="tabular max-sm:hidden">{bytes(result.outputBytes)}</span>
                {result.durationMs != null && <span className="tabular">{span(result.durationMs)}</span>}
              </>
            ) : isOver ? (
              'no result'
            ) : (
              <>
                <Spinner className="size-3.5" /> running
              </>
            )}
          </span>
        </>
      }
    >
      {() => (
        <div className="mt-3 grid grid-cols-1 gap-3">
          {call && (
            <section>
              <h3 className="mb-1 text-xs font-medium text-muted">Arguments</h3>
              <JsonTree value={call.arguments} label={`arguments of ${tool}`} openDepth={5} />
            </section>
          )}
          {result && (
            <section>
              <h3 className="mb-1 text-xs font-medium text-muted">{failed ? 'Error' : 'Result'}</h3>
              <Output result={result} />
              <FileChips files={result.files} />
            </section>
          )}
        </div>
      )}
    </Fold>
  );
}

function preview(value: JsonValue): string {
  const text = JSON.stringify(value);
  return text === '{}' ? '' : text.slice(0, 160);
}

function Output({ result }: { result: ToolResult }) {
  const [{ data, error, fetching }] = useQuery({ query: ToolOutputDocument, variables: { messageId: result.messageId } });
  if (fetching) return <Skeleton className="h-16" />;
  if (error) return <p className="text-sm text-bad">{errorWords(error).detail}</p>;
  const parts = data?.node?.__typename === 'Message' ? data.node.parts : [];
  const part = parts.find((one) => one.__typename === 'ToolResultPart' && one.callId === result.callId);
  if (part?.__typename !== 'ToolResultPart') return <p className="text-sm text-muted">It is no longer there.</p>;
  if (typeof part.output === 'string') {
    return (
      <pre tabIndex={0} className="max-h-96 overflow-auto rounded-lg border bg-sunken p-3 text-xs leading-5 whitespace-pre-wrap wrap-anywhere">
        {part.output}
      </pre>
    );
  }
  return <JsonTree value={part.output ?? null} label={`result of ${result.tool}`} openDepth={5} />;
}
