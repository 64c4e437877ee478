/**
 * fn dev's builder: the steps of the build sandbox on the developer's own folder, in a process of its own, so that a
 * build holds up no request. It ends with the process that started it.
 */
import { buildSource } from '../../builder/build-source.ts';
import type { BuildAnswer, BuildRequest } from './dev-builder.ts';

/** Without services nothing is installed and no build command runs: the folder is taken as it is. */
const SURROUNDINGS = { report: (): void => {}, services: null };

async function answer({ id, root, start }: BuildRequest): Promise<BuildAnswer> {
  try {
    const { result, files } = await buildSource({ root, links: [] }, start, SURROUNDINGS);
    return { id, output: { result, files } };
  } catch (error) {
    return { id, crash: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

process.on('message', (request: BuildRequest) => {
  void answer(request).then((built) => process.send?.(built));
});
process.on('disconnect', () => process.exit(0));
