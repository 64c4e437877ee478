import type { SshKeyRow } from '../../store/ssh-keys.ts';

export function presentKey({ id, name, algorithm, publicKey, fingerprint, createdAt }: SshKeyRow) {
  return { id, name, algorithm, publicKey, fingerprint, createdAt: createdAt.toISOString() };
}
