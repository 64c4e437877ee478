/** What control and data ask of keys, which the supervisor alone opens and replaces. */
import type { SupervisorNotice, SupervisorRequest } from '../../protocol/supervisor.ts';
import type { MasterKeyFile } from '../config/secrets.ts';
import type { KeyRequest } from './supervisor-requests.ts';

export interface KeyDeps {
  /** PEM. @throws when there is no sealed key of the certificate, or it does not open. */
  openSealedKey: (certificate: string) => string;
  masterKeyFile: MasterKeyFile;
  say: (line: string) => void;
}

type CertificateRequest = Extract<SupervisorRequest, { type: 'open-certificate' }>;

export function openCertificate(
  deps: KeyDeps,
  { request, certificate }: CertificateRequest,
): SupervisorNotice {
  try {
    return { type: 'certificate-key', request, key: deps.openSealedKey(certificate) };
  } catch (error) {
    deps.say(`the key of certificate ${certificate} cannot be opened: ${String(error)}`);
    return { type: 'certificate-key-failed', request, reason: 'its key cannot be opened' };
  }
}

export async function changeMasterKeys(
  { masterKeyFile: file, say }: KeyDeps,
  { type, request }: KeyRequest,
): Promise<SupervisorNotice> {
  try {
    await (type === 'add-master-key' ? file.add() : file.retireOld());
    return { type: 'master-keys', request, keys: file.keys.map((key) => key.toString('base64')) };
  } catch (error) {
    say(`the master key's file cannot be written: ${String(error)}`);
    return { type: 'master-keys-failed', request, reason: 'its file cannot be written' };
  }
}
