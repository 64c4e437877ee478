/** `fn server`, second half: the supervisor. It starts and keeps everything else, and parses nothing that comes from outside. */
import { availableParallelism } from 'node:os';
import { dirname, isAbsolute } from 'node:path';
import { PlatformError } from '../protocol/errors.ts';
import { armFailpoints } from '../std/failpoint.ts';
import { type Config, parseConfig } from './config/config.ts';
import { readFailpointFolder, readHostEnvironment, readServerEnvironment } from './config/env.ts';
import { reportFailure } from './report-failure.ts';
import { banner } from './supervisor/banner.ts';
import type { HostTools } from './supervisor/machine/host-tools.ts';
import { type Platform, startPlatform } from './supervisor/platform.ts';

const PROJECT_DIR = dirname(dirname(import.meta.dirname));

interface ServeOptions {
  tools: HostTools;
  /** One line for the operator. */
  say: (line: string) => void;
  /** Functions run whatever the self-test finds. */
  insists: boolean;
  isLocalHttps: boolean;
}

export async function serve({ tools, say, insists, isLocalHttps }: ServeOptions): Promise<void> {
  const config = parseConfig(readServerEnvironment(), {
    workingDir: process.cwd(),
    cores: availableParallelism(),
    isLocalHttps,
  });
  armForTests(config, say);
  const ending = endOnSignals(say);
  const platform = await startPlatform(
    { tools, xdgRuntimeDir: readHostEnvironment().runtimeDir, say },
    { config, projectDir: PROJECT_DIR, insists },
  );
  process.stdout.write(readyBanner(platform));
  ending.closeWith(platform);
}

/** @throws PlatformError where anybody else than the test could be served */
function armForTests(config: Config, say: ServeOptions['say']): void {
  const folder = readFailpointFolder();
  if (folder === null) return;
  if (config.baseDomain !== 'localhost' || !isLoopback(config.host) || !isAbsolute(folder)) {
    throw new PlatformError('config-invalid', 'FN_TEST_FAILPOINTS is for tests of gitfn itself', {
      hint: 'unset FN_TEST_FAILPOINTS: with it the server ends itself where a file in that folder says so',
    });
  }
  say(`FOR TESTS ONLY: ends or fails where files in ${folder} say so`);
  armFailpoints(folder);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

/**
 * The first signal drains and exits 0, the second exits at once. While the platform is still starting there is
 * nothing to drain: the kernel ends the children with this process.
 */
function endOnSignals(say: ServeOptions['say']): { closeWith: (platform: Platform) => void } {
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
    sshHostKey: platform.sshHostKey,
  });
}
