/**
 * The files of a launch or a message: checked against the rules, put up once, with progress, and
 * kept whatever becomes of it.
 */
import { useEffect, useState, useSyncExternalStore } from 'react';
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
  /** It was on its way when the page was left, and is gone. */
  isLost?: true;
}

/** What is left of what was chosen when its page is left: what the server holds, and the names of the others. */
export interface Left {
  stored: readonly Stored[];
  lost: readonly string[];
}

export const leftOf = (files: readonly Picked[]): Left => ({
  ...held(files.flatMap((one) => one.stored ?? [])),
  lost: files.flatMap((one) => ((one.file && !one.stored) || one.isLost ? [one.filename] : [])),
});

/** Files that the server holds, and nothing else. */
export const held = (stored: readonly Stored[]): Left => ({
  stored: stored.map(({ id, filename, sizeBytes }) => ({ id, filename, sizeBytes })),
  lost: [],
});

/** Whether that is what it is, and not what an older page kept. */
export const isLeft = (value: unknown): value is Left => {
  const { stored, lost } = (value ?? {}) as Partial<Left>;
  return Array.isArray(stored) && Array.isArray(lost);
};

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

type Put = typeof upload;

/**
 * What was chosen, and what becomes of it. Not the page's state but a thing of its own: uploads tell of themselves at
 * any time, and each change has to be made to what there is then, not to what was drawn last.
 */
export class Chosen {
  #files: readonly Picked[] = [];
  readonly #running = new Map<string, Upload>();
  readonly #listeners = new Set<() => void>();
  readonly #put: Put;

  constructor(put: Put = upload) {
    this.#put = put;
  }

  /** The same list until something changes. */
  readonly files = (): readonly Picked[] => this.#files;

  readonly listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  add(chosen: Iterable<File>, rules: Rules, agentId: string): void {
    for (const file of chosen) {
      const key = `file-${next++}`;
      const error = refusal(file, rules, this.#files);
      const known = { key, filename: file.name, sizeBytes: file.size, progress: 0 };
      this.#set([...this.#files, error ? { ...known, state: 'failed', error } : { ...known, state: 'uploading', file }]);
      if (!error) this.#start(key, file, agentId);
    }
  }

  remove(key: string): void {
    this.#running.get(key)?.abort();
    this.#set(this.#files.filter((one) => one.key !== key));
  }

  retry({ key, file }: Picked, agentId: string): void {
    if (!file) return;
    this.#patch(key, { state: 'uploading', progress: 0, error: undefined });
    this.#start(key, file, agentId);
  }

  /**
   * Files that the server holds already, of an earlier execution, or from before the page was left. Nothing goes
   * without one that somebody meant to send: those that were lost stand there as what they are.
   */
  keep({ stored, lost }: Left): void {
    const kept = stored.map(
      (one): Picked => ({
        key: `file-${next++}`,
        filename: one.filename,
        sizeBytes: one.sizeBytes,
        state: 'stored',
        progress: 1,
        stored: one,
      }),
    );
    const error = 'It was not up yet when the page was left. Choose it again, or remove it.';
    const gone = lost.map(
      (filename): Picked => ({ key: `file-${next++}`, filename, sizeBytes: 0, state: 'failed', progress: 0, error, isLost: true }),
    );
    this.#set([...kept, ...gone]);
  }

  /** What the server said against one of those that were launched, by its place among them. */
  refuse(index: number, error: string): void {
    const meant = this.#files.filter((one) => one.state === 'stored')[index];
    if (meant) this.#patch(meant.key, { error });
  }

  /** Those that are about to go with a message: they are not chosen any more, and others can be. */
  take(): readonly Picked[] {
    const taken = this.#files.filter((one) => one.state === 'stored');
    this.#set(this.#files.filter((one) => one.state !== 'stored'));
    return taken;
  }

  /** They did not go: before those that were chosen since. */
  putBack(taken: readonly Picked[]): void {
    this.#set([...taken, ...this.#files]);
  }

  /** Nobody waits for them any more. */
  abort(): void {
    for (const one of this.#running.values()) one.abort();
  }

  #start(key: string, file: File, agentId: string): void {
    const one = this.#put(file, agentId, (progress) => this.#patch(key, { progress }));
    this.#running.set(key, one);
    one.stored
      .then((stored) => this.#patch(key, { state: 'stored', progress: 1, stored }))
      .catch((error: Error) => this.#patch(key, { state: 'failed', error: error.message }))
      .finally(() => this.#running.delete(key));
  }

  #patch(key: string, by: Partial<Picked>): void {
    this.#set(this.#files.map((one) => (one.key === key ? { ...one, ...by } : one)));
  }

  #set(files: readonly Picked[]): void {
    this.#files = files;
    for (const listener of this.#listeners) listener();
  }
}

/** The files of one form. What is `left` from before is there at first. */
export function useFiles(left?: Left): { files: readonly Picked[]; chosen: Chosen } {
  const [chosen] = useState(() => {
    const made = new Chosen();
    if (left) made.keep(left);
    return made;
  });
  const files = useSyncExternalStore(chosen.listen, chosen.files);
  useEffect(() => () => chosen.abort(), [chosen]);
  return { files, chosen };
}
