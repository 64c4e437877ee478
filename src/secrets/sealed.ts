/**
 * Sealed environment files: one per deployment, written by control and opened by the supervisor, the only two that
 * have the master key. The deployment's id is associated data, so that one deployment's file never opens as another's.
 *
 *     "GFS2" | sealed box of the JSON of a SealedEnvironment
 */
import type { SealedEnvironment } from '../model/environment.ts';
import { seal, unseal } from './sealed-box.ts';

const MAGIC = Buffer.from('GFS2');

/** JSON writes a control character as six bytes; of those may be all that a bundle and
 * an app bring, MAX_ENVIRONMENT_BYTES each. */
export const MAX_SEALED_BYTES = 4 * 1024 * 1024;

export function sealEnvironment(
  masterKey: Buffer,
  deploymentId: string,
  environment: SealedEnvironment,
): Buffer {
  const content = Buffer.from(JSON.stringify(environment));
  return Buffer.concat([MAGIC, seal(masterKey, associatedData(deploymentId), content)]);
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
  if (!sealed.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error('not a sealed environment');
  const box = sealed.subarray(MAGIC.length);
  let failure: unknown = new Error('no master key');
  for (const key of masterKeys) {
    try {
      const content = unseal(key, associatedData(deploymentId), box);
      return JSON.parse(content.toString()) as SealedEnvironment;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

function associatedData(deploymentId: string): string {
  return `environment|${deploymentId}`;
}
