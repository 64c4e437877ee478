import { rmSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import type { FunctionLimits } from '../protocol/builder.ts';
import { buildSource } from './build-source.ts';
import { makeSourceFolder, unpackSource } from './unpack.ts';

const LIMITS: FunctionLimits = { memoryMib: 64, timeoutMs: 1000, concurrency: 1, maxBodyBytes: 0 };
const ENTRY = `import { sep } from 'node:path';\nexport default () => new Response(sep);\n`;

/**
 * Builds a tiny function of our own while nobody waits: it starts esbuild's service, which costs a process's first
 * build 35 ms, and lets V8 compile what every build runs through.
 */
export async function rehearse(): Promise<void> {
  const root = makeSourceFolder();
  const tar = pack();
  tar.entry({ name: 'index.ts' }, ENTRY);
  tar.finalize();
  await unpackSource(Readable.from(tar), root);
  await buildSource(
    { root, links: [] },
    { appName: '', defaults: LIMITS, maxima: LIMITS, previous: null },
    { report: () => {}, services: null },
  );
  rmSync(root, { recursive: true, force: true });
}
