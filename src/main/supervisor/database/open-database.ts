import type { CgroupDriver } from '../../../sandbox/index.ts';
import type { Config } from '../../config/config.ts';
import { keepDatabase } from './database.ts';
import { startPostgres } from './embedded-postgres.ts';
import type { HostTools } from '../machine/host-tools.ts';
import { packagedFile } from '../machine/packaged-files.ts';
import { place } from '../placement.ts';
import type { RuntimeRoot } from '../machine/runtime-root.ts';

interface DatabaseDeps {
  tools: HostTools;
  say: (line: string) => void;
}

interface DatabaseOptions {
  config: Config;
  runtime: RuntimeRoot;
  cgroups: CgroupDriver;
}

/** The operator's database, or one of our own. */
export async function openDatabase(
  deps: DatabaseDeps,
  { config, runtime: { layout, uids }, cgroups }: DatabaseOptions,
): Promise<{ url: string; close: () => Promise<void> }> {
  if (config.databaseUrl !== null) {
    return { url: config.databaseUrl, close: () => Promise.resolve() };
  }
  const start = () =>
    startPostgres({
      tools: deps.tools,
      nativeDir: packagedFile(layout.projectDir, 'postgres'),
      dir: layout.data.postgres,
      socketDir: layout.socketFolders.postgres,
      librariesDir: `${layout.runtimeDir}/postgres-libraries`,
      uid: uids?.postgres ?? null,
      isVerbose: config.isVerbose,
      onSpawn: (child) => place(cgroups, child, 'office'),
    });
  return keepDatabase({ start, say: deps.say });
}
