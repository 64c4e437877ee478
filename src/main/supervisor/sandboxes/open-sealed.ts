/**
 * Opens sealed files. Their folders belong to control, which is not trusted with what the supervisor may read: no symbolic
 * link is followed, and only a regular file of sensible size is read. The keys may be replaced meanwhile: a file is
 * sealed with one of before or one of after.
 *
 * Synchronous, because a cold start waits for it: a file is small and mostly in memory, and five turns through the
 * thread pool took ten times as long as the reading.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import type { SealedEnvironment } from '../../../model/environment.ts';
import {
  MAX_SEALED_BYTES,
  MAX_SEALED_KEY_BYTES,
  openCertificateKey,
  openEnvironment,
} from '../../../secrets/sealed.ts';

type MasterKeySource = () => readonly Buffer[];

/** Of one deployment. @throws when there is no sealed file of it, or it does not open */
export function openSealedEnvironment(
  sealedDir: string,
  masterKeys: MasterKeySource,
  deployment: string,
): SealedEnvironment {
  const before = masterKeys();
  const sealed = readSealed(`${sealedDir}/${deployment}.sealed`, MAX_SEALED_BYTES);
  return openEnvironment([...before, ...masterKeys()], deployment, sealed);
}

/** Of one certificate; PEM. @throws when there is no sealed key of it, or it does not open */
export function openSealedKey(
  certificatesDir: string,
  masterKeys: MasterKeySource,
  certificate: string,
): string {
  const before = masterKeys();
  const sealed = readSealed(`${certificatesDir}/${certificate}.sealed`, MAX_SEALED_KEY_BYTES);
  return openCertificateKey([...before, ...masterKeys()], certificate, sealed);
}

function readSealed(path: string, maxBytes: number): Buffer {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const status = fstatSync(file);
    if (!status.isFile() || status.size > maxBytes) throw new Error('not a sealed file');
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}
