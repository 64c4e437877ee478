/** `fn server`: the supervisor. It starts and keeps everything else, and parses nothing that comes from outside. */
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { PlatformError } from '../protocol/errors.ts';
import { reportFailure } from './report-failure.ts';
import { parseConfig } from './config/config.ts';
import { inheritedEnvironment, readHostEnvironment, readServerEnvironment } from './config/env.ts';
import { banner } from './supervisor/banner.ts';
import { UNSAFE_SINGLE_TENANT } from './supervisor/confinement.ts';
import { provideTools } from './supervisor/host-tools.ts';
import { closeInheritedDescriptors } from './supervisor/inherited-descriptors.ts';
import { type Platform, startPlatform } from './supervisor/platform.ts';
import { ensurePrivateNamespace, IN_PRIVATE_NAMESPACE } from './supervisor/private-mounts.ts';

const PROJECT_DIR = dirname(dirname(import.meta.dirname));

const LOCAL_HTTPS = '--local-https';

/** The first is the server's own, when it has started itself again. */
const KNOWN_ARGUMENTS = [IN_PRIVATE_NAMESPACE, UNSAFE_SINGLE_TENANT, LOCAL_HTTPS];

/** Whoever may read a file is said by the mode it is made with; a stricter umask would close what others shall read. */
const UMASK = 0o022;

/** Resolves when the platform serves; the process then lives until it is told to end. */
export async function runServer(args: readonly string[]): Promise<void> {
  try {
    await serve(args);
  } catch (error) {
    reportFailure('fn server', error);
  }
}

async function serve(args: readonly string[]): Promise<void> {
  process.umask(UMASK);
  closeInheritedDescriptors();
  const unknown = args.find((argument) => !KNOWN_ARGUMENTS.includes(argument));
  if (unknown !== undefined) throw unknownArgument(unknown);
  const config = parseConfig(readServerEnvironment(), {
    workingDir: process.cwd(),
    cores: availableParallelism(),
    isLocalHttps: args.includes(LOCAL_HTTPS),
  });
  const host = readHostEnvironment();
  const insists = args.includes(UNSAFE_SINGLE_TENANT);
  const tools = provideTools({
    folders: host.toolFolders,
    ...(insists && { dispensable: 'bwrap' }),
    say,
  });
  ensurePrivateNamespace(tools, inheritedEnvironment());
  const ending = endOnSignals();
  const platform = await startPlatform(
    { tools, xdgRuntimeDir: host.runtimeDir, say },
    { config, projectDir: PROJECT_DIR, insists },
  );
  process.stdout.write(readyBanner(platform));
  ending.closeWith(platform);
}

/**
 * The first signal drains and exits 0, the second exits at once. While the platform is still starting there is
 * nothing to drain: the kernel ends the children with this process.
 */
function endOnSignals(): { closeWith: (platform: Platform) => void } {
  let platform: Platform | null = null;
  let isClosing = false;
  const close = async (running: Platform): Promise<void> => {
    try {
      await running.close();
      process.exit(0);
    } catch (error) {
      reportFailure('fn server', error);
    }
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (isClosing || platform === null) process.exit(signal === 'SIGINT' ? 130 : 143);
    isClosing = true;
    say('draining; a second signal ends everything at once');
    void close(platform);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  // A terminal that has gone away ends the server as a signal to it would.
  process.on('SIGHUP', onSignal);
  return { closeWith: (running) => (platform = running) };
}

function readyBanner(platform: Platform): string {
  return banner({
    address: platform.address,
    ports: platform.ports,
    adminTokenFile: platform.adminTokenFile,
    dataDir: platform.dataDir,
    fn: `${PROJECT_DIR}/bin/fn`,
    protections: platform.protections,
    localAuthorityFile: platform.localAuthorityFile,
  });
}

function unknownArgument(argument: string): PlatformError {
  return new PlatformError('bad-request', `fn server takes no argument ${argument}`, {
    hint: 'settings are variables, such as PORT=8080 fn server; docs/configuration.md lists them',
  });
}

function say(line: string): void {
  process.stderr.write(`fn server: ${line}\n`);
}
