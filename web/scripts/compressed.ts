/**
 * Writes each text beside itself as Brotli, as small as it gets: the server hands these out as they
 * are, and compresses nothing anew for each visitor.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import type { Plugin } from 'vite';

const TEXT = /\.(js|css|svg|json)$/;
/** Below this the answer's head is most of it. */
const LEAST_BYTES = 1_000;
/** Beyond this the last step of quality takes seconds, and brings next to nothing. */
const LARGE_BYTES = 500_000;

export function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    writeBundle({ dir = '' }, bundle) {
      for (const name of Object.keys(bundle).filter((one) => TEXT.test(one))) {
        const path = join(dir, name);
        const bytes = readFileSync(path);
        if (bytes.length < LEAST_BYTES) continue;
        const params = { [constants.BROTLI_PARAM_QUALITY]: bytes.length > LARGE_BYTES ? 9 : 11 };
        writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params }));
      }
    },
  };
}
