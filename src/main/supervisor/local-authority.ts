import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformError } from '../../protocol/errors.ts';
import { writeFileAtomically } from '../../std/atomic-file.ts';
import type { Config } from '../config/config.ts';
import { LOCAL_AUTHORITY } from './machine/layout.ts';

/** One certificate takes 1 KiB. */
const MAX_BYTES = 16 * 1024;
const ONE_CERTIFICATE =
  /^-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----\n?$/;
/** A certificate is no secret. */
const MODE = 0o644;

/**
 * Copies the certificate of this machine's own authority to where people look for it, and answers with its path; null
 * where there is none. Control, that made it, has no access to the data folder itself; what it left there goes into stores
 * of the system, as root, so nothing but one certificate is copied, and no link is followed.
 * @throws PlatformError data-folder
 */
export async function publishLocalAuthority(
  { isLocalHttps }: Pick<Config, 'isLocalHttps'>,
  { source, dataDir }: { source: string; dataDir: string },
): Promise<string | null> {
  if (!isLocalHttps) return null;
  const certificate = await readPlainFile(source);
  if (!ONE_CERTIFICATE.test(certificate)) {
    throw new PlatformError('data-folder', `${source} holds no certificate`, {
      hint: 'remove it: it is made anew at the next start',
    });
  }
  const target = join(dataDir, LOCAL_AUTHORITY);
  await writeFileAtomically(target, certificate, MODE);
  return target;
}

/** As much of a file as a certificate may have. */
async function readPlainFile(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(MAX_BYTES), 0, MAX_BYTES, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}
