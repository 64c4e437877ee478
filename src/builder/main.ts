/**
 * The builder: the only process of a build sandbox. It is booted ahead, belongs to nobody until its first frame,
 * builds one repository and ends. protocol/builder.ts has the conversation. Some are told to run git instead.
 *
 * It never runs code of the repository. It reads no configuration and has no environment but what Node and esbuild
 * need; all that it writes goes to a temporary folder, which the sandbox bounds and throws away.
 */
import { Socket } from 'node:net';
import { WORKER_SOCKET_FD } from '../protocol/worker.ts';
import { buildSource } from './build-source.ts';
import { openChannel, type Channel } from './channel.ts';
import { rehearse } from './rehearse.ts';
import { makeSourceFolder, unpackSource } from './unpack.ts';

/** For sysexits.h an internal software error; the parent only sees that it is not 0. */
const EXIT_BROKEN = 70;

function endBroken(reason: Error): never {
  process.stderr.write(`builder: ${reason.stack ?? reason.message}\n`);
  process.exit(EXIT_BROKEN);
}

async function main(): Promise<void> {
  const socket = new Socket({ fd: WORKER_SOCKET_FD, readable: true, writable: true });
  const channel = openChannel(socket, endBroken);
  await rehearse();

  const start = await channel.started;
  if (start === null) return runGit(channel);
  const root = makeSourceFolder();
  const source = await unpackSource(channel.tar, root);
  if (source.kind === 'failed') return channel.done(source);

  const { line, services } = channel;
  const folder = { root, links: source.links };
  const output = await buildSource(folder, start, { report: line, services });
  const { result, files, pending } = output;
  if (result.kind === 'built') result.warnings.unshift(...source.warnings);
  for (const { path, content } of files) channel.file(path, content);
  await Promise.all(pending);
  return channel.done(result);
}

async function runGit({ services, gitOrders, gitEnded }: Channel): Promise<void> {
  const { createGitOrders } = await import('./git-orders.ts');
  const git = await createGitOrders(services);
  for await (const order of gitOrders) gitEnded(await git.run(order));
}

main().then(() => process.exit(0), endBroken);
