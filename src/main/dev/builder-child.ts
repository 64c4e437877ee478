/**
 * fn dev's builder: the steps of the build sandbox on the developer's own folder, in a process of its own, so that a
 * build holds up no request. It ends with the process that started it.
 */
import { buildSource } from '../../builder/build-source.ts';
import type { BuildAnswer, BuildRequest } from './dev-builder.ts';

async function answer({ id, root, start }: BuildRequest): Promise<BuildAnswer> {
  try {
    return { id, output: await buildSource({ root, links: [] }, start, () => {}) };
  } catch (error) {
    return { id, crash: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

process.on('message', (request: BuildRequest) => {
  void answer(request).then((built) => process.send?.(built));
});
process.on('disconnect', () => process.exit(0));
