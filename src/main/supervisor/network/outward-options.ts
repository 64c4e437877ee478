import { readFileSync } from 'node:fs';
import { PlatformError } from '../../../protocol/errors.ts';
import type { Config } from '../../config/config.ts';
import type { ControlOptions } from '../../process/start-options.ts';

/** What control may connect to, and where it asks. @throws PlatformError config-invalid */
export function outwardOptions(
  config: Config,
): Pick<ControlOptions, 'dnsServers' | 'egressRules' | 'gitHosts'> {
  const { caFile, privateNames } = config.gitHosts;
  const isEverywhere = config.host === '0.0.0.0' || config.host === '::';
  return {
    dnsServers: [...config.certificates.dnsServers],
    egressRules: [...config.egress.rules],
    gitHosts: {
      privateNames: [...privateNames],
      roots: caFile === null ? null : readRoots(caFile),
      loopback: isEverywhere ? '127.0.0.1' : config.host,
      maxPackBytes: config.maxPackBytes,
    },
  };
}

function readRoots(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new PlatformError('config-invalid', `FN_GIT_HOSTS_CA_FILE: ${path} cannot be read`, {
      hint: 'name a file with certificates in PEM',
      cause: error,
    });
  }
}
