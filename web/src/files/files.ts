/**
 * The files of a launch or a message: checked against the rules, put up once, with progress, and
 * kept whatever becomes of it.
 */
import { useCallback, useEffect, useRef, useState } from 'react';
import { type Stored, type Upload, upload } from '@/api/upload';
import { bytes } from '@/components/time';
import type { FileRulesShownFragment } from '@/gql/graphql';

/** What an agent or an execution type takes. */
export type Rules = FileRulesShownFragment;

export interface Picked {
  /** Of the page, not of the server. */
  key: string;
  filename: string;
  sizeBytes: number;
  state: 'uploading' | 'stored' | 'failed';
  /** 0 to 1. */
  progress: number;
  stored?: Stored;
  error?: string;
  /** To try again. */
  file?: File;
}

/** What the rules say against a file, before it goes up. The server has the last word. */
export function refusal(file: { name: string; size: number }, rules: Rules, others: readonly Picked[]): string | undefined {
  const dot = file.name.lastIndexOf('.');
  const extension = dot < 0 ? '' : file.name.slice(dot).toLowerCase();
  if (rules.extensions.length > 0 && !rules.extensions.includes(extension))
    return `Only ${rules.extensions.join(', ')} files are taken here.`;
  if (file.size === 0) return 'The file is empty.';
  if (file.size > rules.maxBytesPerFile) return `A file may have ${bytes(rules.maxBytesPerFile)} at most; this one has ${bytes(file.size)}.`;
  const taken = others.filter((one) => one.state !== 'failed');
  if (taken.length >= rules.maxFiles) return `${rules.maxFiles} ${rules.maxFiles === 1 ? 'file is' : 'files are'} taken at most.`;
  const total = taken.reduce((sum, one) => sum + one.sizeBytes, file.size);
  if (total > rules.maxBytesTotal) return `All files together may have ${bytes(rules.maxBytesTotal)} at most.`;
  return undefined;
}

let next = 0;

export function useFiles(agentId: string | undefined) {
  const [files, setFiles] = useState<readonly Picked[]>([]);
  const running = useRef(new Map<string, Upload>());
  const current = useRef(files);
  useEffect(() => {
    current.current = files;
  }, [files]);
  useEffect(() => {
    const uploads = running.current;
    return () => {
      for (const one of uploads.values()) one.abort();
    };
  }, []);

  const patch = useCallback((key: string, by: Partial<Picked>) => {
    setFiles((all) => all.map((one) => (one.key === key ? { ...one, ...by } : one)));
  }, []);

  const start = useCallback(
    (key: string, file: File, agent: string) => {
      const one = upload(file, agent, (progress) => patch(key, { progress }));
      running.current.set(key, one);
      one.stored
        .then((stored) => patch(key, { state: 'stored', progress: 1, stored }))
        .catch((error: Error) => patch(key, { state: 'failed', error: error.message }))
        .finally(() => running.current.delete(key));
    },
    [patch],
  );

  const add = useCallback(
    (chosen: Iterable<File>, rules: Rules) => {
      if (!agentId) return;
      const all = [...current.current];
      for (const file of chosen) {
        const key = `file-${next++}`;
        const error = refusal(file, rules, all);
        all.push({
          key,
          filename: file.name,
          sizeBytes: file.size,
          progress: 0,
          ...(error ? { state: 'failed' as const, error } : { state: 'uploading' as const, file }),
        });
        if (!error) start(key, file, agentId);
      }
      current.current = all;
      setFiles(all);
    },
    [agentId, start],
  );

  const remove = useCallback((key: string) => {
    running.current.get(key)?.abort();
    setFiles((all) => all.filter((one) => one.key !== key));
  }, []);

  const retry = useCallback(
    ({ key, file }: Picked) => {
      if (!file || !agentId) return;
      patch(key, { state: 'uploading', progress: 0, error: undefined });
      start(key, file, agentId);
    },
    [agentId, patch, start],
  );

  /** Files of an earlier execution, which the server holds already. */
  const keep = useCallback((stored: readonly Stored[]) => {
    setFiles(
      stored.map((one) => ({
        key: `file-${next++}`,
        filename: one.filename,
        sizeBytes: one.sizeBytes,
        state: 'stored',
        progress: 1,
        stored: one,
      })),
    );
  }, []);

  /** What the server said against one of those that were launched, by its place among them. */
  const refuse = useCallback((index: number, error: string) => {
    setFiles((all) => {
      const meant = all.filter((one) => one.state === 'stored')[index];
      return all.map((one) => (one === meant ? { ...one, error } : one));
    });
  }, []);

  /** After they went with a message. */
  const clear = useCallback(() => setFiles([]), []);

  return { files, add, remove, retry, keep, refuse, clear };
}
