/**
 * A launch that was filled in and did not happen yet. The input, with its files, belongs to an execution type of an
 * agent; labels and limits to whatever is launched here, so another card leaves them as they are.
 */
import { isObject, type JsonValue } from '@/api/json';
import { unsent } from '@/api/unsent';
import { isLeft, type Left } from '@/files/files';

export interface KeptInput {
  value: JsonValue;
  /** What stood in the JSON view, where that could not be sent. */
  broken?: string | undefined;
  /** Of the form: launched again after a lost answer, it is still one execution. */
  key: string;
  files: Left;
}

export interface KeptAside {
  labels: string[];
  ttl: string;
  maxDuration: string;
}

export interface KeptLaunch {
  /** As it was left. */
  before: { input?: KeptInput | undefined; aside?: KeptAside | undefined };
  /** What is not named is forgotten. */
  write(now: { input?: KeptInput | undefined; aside?: KeptAside | undefined }): void;
}

export function keptLaunch(userId: string, place: string, what: string): KeptLaunch {
  const input = unsent(userId, `launch ${place} ${what}`, isInput);
  const aside = unsent(userId, `launch ${place}`, isAside);
  return {
    before: { input: input.read(), aside: aside.read() },
    write(now) {
      input.write(now.input);
      aside.write(now.aside);
    },
  };
}

const isInput = (kept: unknown): kept is KeptInput =>
  isObject(kept as JsonValue) && 'value' in (kept as KeptInput) && typeof (kept as KeptInput).key === 'string' && isLeft((kept as KeptInput).files);

const isAside = (kept: unknown): kept is KeptAside => {
  const { labels, ttl, maxDuration } = (kept ?? {}) as Partial<KeptAside>;
  return Array.isArray(labels) && typeof ttl === 'string' && typeof maxDuration === 'string';
};
