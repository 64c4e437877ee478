/** The peer of a cold start of a large bundle: a process that runs the bundle, asks its handler once, and ends. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import vm from 'node:vm';

interface Exports {
  handler: (event: object) => Promise<{ body: unknown }>;
}

type BundleFunction = (
  builtin: NodeJS.Require,
  meta: object,
  exported: (namespace: Exports) => void,
  require: NodeJS.Require,
) => Promise<void>;

const [, , file = ''] = process.argv;
const script = new vm.Script(readFileSync(file, 'utf8'), { filename: file });
const require = createRequire(file);
let exports: Exports | null = null;
const run = script.runInThisContext() as BundleFunction;
await run(require, { url: `file://${file}` }, (namespace) => void (exports = namespace), require);
const answer = await (exports as Exports | null)?.handler({});
process.stdout.write(JSON.stringify(answer?.body));
