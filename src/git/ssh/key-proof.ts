import ssh2, { type KeyContext } from 'ssh2';
import { fingerprintOf } from '../../model/ssh-key.ts';

/** Those that `fn keys add` takes. An RSA key signs with SHA-2 (RFC 8332), never with SHA-1. */
const ALGORITHMS = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
];

/** A key as it is offered. */
export interface OfferedKey {
  /** As `ssh-keygen -l` prints it. */
  fingerprint: string;
  /** A question whether it would do; a right signature of this very connection; or a wrong one. */
  kind: 'question' | 'proof' | 'forgery';
}

/** Null for a key, or a way of signing with it, that is not taken. */
export function readOffer(context: KeyContext): OfferedKey | null {
  const { key, hashAlgo, signature, blob } = context;
  const isRsa = key.algo === 'ssh-rsa' && (hashAlgo === 'sha256' || hashAlgo === 'sha512');
  if (!isRsa && !ALGORITHMS.includes(key.algo)) return null;
  const fingerprint = fingerprintOf(key.data);
  if (signature === undefined || blob === undefined) return { fingerprint, kind: 'question' };
  const parsed = ssh2.utils.parseKey(key.data);
  // What parses as another kind of key is not what its algorithm says, and an error is no yes.
  const isRight =
    !(parsed instanceof Error) &&
    parsed.type === key.algo &&
    parsed.verify(blob, signature, hashAlgo) === true;
  return { fingerprint, kind: isRight ? 'proof' : 'forgery' };
}
