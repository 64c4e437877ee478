/**
 * Sealed files, written by control and opened by the supervisor, the only two that have the master key: the environment
 * of each deployment, and the private key of each certificate. Whose it is is associated data, so that no file opens as
 * another's.
 *
 *     "GFS2" | sealed box of the JSON of a SealedEnvironment
 *     "GFK1" | sealed box of a private key, PKCS #8 in PEM
 */
import type { SealedEnvironment } from '../model/environment.ts';
import { seal, unseal } from './sealed-box.ts';

const ENVIRONMENT = { magic: Buffer.from('GFS2'), purpose: 'environment' };
const CERTIFICATE_KEY = { magic: Buffer.from('GFK1'), purpose: 'certificate key' };
type Kind = typeof ENVIRONMENT;

/** JSON writes a control character as six bytes; of those may be all that a bundle and
 * an app bring, MAX_ENVIRONMENT_BYTES each. */
export const MAX_SEALED_BYTES = 4 * 1024 * 1024;
/** An RSA key of 16,384 bits takes 13 KB. */
export const MAX_SEALED_KEY_BYTES = 32 * 1024;

export function sealEnvironment(
  masterKey: Buffer,
  deploymentId: string,
  environment: SealedEnvironment,
): Buffer {
  return sealAs(ENVIRONMENT, masterKey, deploymentId, JSON.stringify(environment));
}

/**
 * `masterKeys` are tried in turn: while the master key is being replaced there are two.
 * @throws when no key fits, or the deployment or a byte of the file is not the one it was sealed with.
 */
export function openEnvironment(
  masterKeys: readonly Buffer[],
  deploymentId: string,
  sealed: Buffer,
): SealedEnvironment {
  return JSON.parse(openAs(ENVIRONMENT, masterKeys, deploymentId, sealed)) as SealedEnvironment;
}

export function sealCertificateKey(masterKey: Buffer, certificateId: string, key: string): Buffer {
  return sealAs(CERTIFICATE_KEY, masterKey, certificateId, key);
}

/** @throws as `openEnvironment` does. */
export function openCertificateKey(
  masterKeys: readonly Buffer[],
  certificateId: string,
  sealed: Buffer,
): string {
  return openAs(CERTIFICATE_KEY, masterKeys, certificateId, sealed);
}

function sealAs({ magic, purpose }: Kind, masterKey: Buffer, id: string, content: string): Buffer {
  return Buffer.concat([magic, seal(masterKey, `${purpose}|${id}`, Buffer.from(content))]);
}

function openAs(
  { magic, purpose }: Kind,
  masterKeys: readonly Buffer[],
  id: string,
  sealed: Buffer,
): string {
  if (!sealed.subarray(0, magic.length).equals(magic)) throw new Error(`no sealed ${purpose}`);
  const box = sealed.subarray(magic.length);
  let failure: unknown = new Error('no master key');
  for (const key of masterKeys) {
    try {
      return unseal(key, `${purpose}|${id}`, box).toString();
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
