/** A program whose descriptors are used up: how each way to start git ends then, as JSON on standard output. */
import { closeSync, openSync } from 'node:fs';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { createDirectEngine } from '../../../src/git/direct-engine.ts';
import { createGitRunner } from '../../../src/git/git-runner.ts';
import { createNodeGitServerEngine } from '../../../src/git/node-git-server-engine.ts';
import { commandList } from './raw-request.ts';

const log = { info: () => {}, warn: () => {} };
const options = { graceMs: 100 };
const place = { repository: import.meta.dirname, quarantine: null };
const repository = import.meta.dirname;
const runner = createGitRunner({});
const direct = createDirectEngine({ environment: {}, log }, options);
const served = createNodeGitServerEngine({ log }, options);
const exchange = {
  service: 'receive-pack' as const,
  repository,
  opening: commandList(['refs/heads/main'], '1'.repeat(40)),
  body: Readable.from([]),
  onProcess: () => {},
};

const ways: Record<string, () => Promise<unknown>> = {
  command: () =>
    runner.run({ place, args: ['version'], deadlineMs: 1_000, input: '', maxOutputBytes: 100 }),
  'direct advertisement': async () => text(direct.advertise('upload-pack', repository)),
  'direct run': async () => text(direct.run(exchange).output),
  advertisement: async () => text(served.advertise('upload-pack', repository)),
  run: async () => text(served.run(exchange).output),
};

const taken: number[] = [];
try {
  for (;;) taken.push(openSync('/dev/null', 'r'));
} catch {
  // None is left.
}
const ends: Record<string, string> = {};
for (const [name, way] of Object.entries(ways)) {
  ends[name] = await way().then(
    () => 'went well',
    (error: Error) => error.message,
  );
}
for (const descriptor of taken) closeSync(descriptor);
process.stdout.write(JSON.stringify(ends));
