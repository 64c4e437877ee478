import type { ApiDeps } from '../ports.ts';
import type { SshKeyRow } from '../../store/ssh-keys.ts';

export function presentSsh({ ssh, address }: Pick<ApiDeps, 'ssh' | 'address'>) {
  if (ssh === null) return { endpoint: null };
  const { port, publicKey: hostKey, fingerprint } = ssh;
  return { endpoint: { host: address.controlHost, port, hostKey, fingerprint } };
}

export function presentKey({ id, name, algorithm, publicKey, fingerprint, createdAt }: SshKeyRow) {
  return { id, name, algorithm, publicKey, fingerprint, createdAt: createdAt.toISOString() };
}
