import { createHash, createPublicKey } from 'node:crypto';

/** A public key that OpenSSH knows somebody by. */
export interface SshKey {
  algorithm: string;
  /** As authorized_keys has it, without a comment. */
  publicKey: string;
  /** As `ssh-keygen -l` prints it. */
  fingerprint: string;
  comment: string;
}

const MAX_LINE_CHARACTERS = 4_096;
const MAX_COMMENT_CHARACTERS = 200;
const ED25519_BYTES = 32;
/** Below, an RSA key is not expected to last (NIST SP 800-57 part 1, 128 bits of security). */
const MIN_RSA_BITS = 3_072;
/** The largest that ssh-keygen makes. */
const MAX_RSA_BITS = 16_384;
/** 2^16 + 1: the least that FIPS 186-5 allows, and what ssh-keygen takes. */
const MIN_RSA_EXPONENT = 65_537n;

/** RFC 5656 section 10.1, with the names that JSON Web Keys have for them. */
const CURVES: Record<string, { name: string; jwk: string; bytes: number }> = {
  'ecdsa-sha2-nistp256': { name: 'nistp256', jwk: 'P-256', bytes: 32 },
  'ecdsa-sha2-nistp384': { name: 'nistp384', jwk: 'P-384', bytes: 48 },
  'ecdsa-sha2-nistp521': { name: 'nistp521', jwk: 'P-521', bytes: 66 },
};

/** Reads one line as `ssh-keygen` writes it to a .pub file; a text says what is wrong with it. */
export function parseSshKey(line: string): SshKey | string {
  if (line.length > MAX_LINE_CHARACTERS) return 'it is longer than any public key';
  if (line.includes('PRIVATE KEY')) return 'it is a private key, which nobody else may have';
  const [, algorithm, base64, comment = ''] =
    /^([a-z0-9@.-]+) +([A-Za-z0-9+/]+={0,2})(?: +([\x20-\x7e]*))?\s*$/.exec(line.trim()) ?? [];
  if (algorithm === undefined || base64 === undefined) {
    return 'it is not one line of algorithm, base64 and comment';
  }
  const blob = Buffer.from(base64, 'base64');
  if (blob.toString('base64') !== base64) return 'its base64 is damaged';
  const problem = problemOf(algorithm, blob);
  if (problem !== null) return problem;
  return {
    algorithm,
    publicKey: `${algorithm} ${base64}`,
    fingerprint: fingerprintOf(blob),
    comment: comment.trim().slice(0, MAX_COMMENT_CHARACTERS),
  };
}

/** Of a key as SSH sends it: what `ssh-keygen -l` prints. */
export function fingerprintOf(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

function problemOf(algorithm: string, blob: Buffer): string | null {
  const fields = readFields(blob);
  if (fields === null) return 'its content is damaged';
  const [name, ...parts] = fields;
  if (name?.toString('latin1') !== algorithm) return 'its content is of another algorithm';
  if (algorithm === 'ssh-ed25519') return problemOfEd25519(parts);
  if (algorithm === 'ssh-rsa') return problemOfRsa(parts);
  const curve = CURVES[algorithm];
  if (curve !== undefined) return problemOfEcdsa(curve, parts);
  return `${algorithm} keys are not taken: use ed25519, ecdsa or rsa`;
}

/** RFC 4251 section 5: each behind its length, with nothing after the last. */
function readFields(blob: Buffer): Buffer[] | null {
  const fields: Buffer[] = [];
  for (let at = 0; at < blob.length;) {
    if (at + 4 > blob.length) return null;
    const end = at + 4 + blob.readUInt32BE(at);
    if (end > blob.length) return null;
    fields.push(blob.subarray(at + 4, end));
    at = end;
  }
  return fields;
}

function problemOfEd25519([key, ...rest]: Buffer[]): string | null {
  const isWhole = key?.length === ED25519_BYTES && rest.length === 0;
  return isWhole ? null : 'its content is damaged';
}

function problemOfRsa([exponent, modulus, ...rest]: Buffer[]): string | null {
  if (exponent === undefined || modulus === undefined || rest.length > 0) {
    return 'its content is damaged';
  }
  const e = readInteger(exponent);
  const n = readInteger(modulus);
  if (e === null || n === null || n % 2n === 0n) return 'its content is damaged';
  if (e < MIN_RSA_EXPONENT || e % 2n === 0n || exponent.length > 8) return 'its exponent is weak';
  const bits = n.toString(2).length;
  if (bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS) return null;
  return `it has ${bits} bits: rsa keys need ${MIN_RSA_BITS} to ${MAX_RSA_BITS}`;
}

/** A positive `mpint` in its shortest form; null for another. */
function readInteger(bytes: Buffer): bigint | null {
  const [first = 0x80, second = 0x80] = bytes;
  const isPositive = bytes.length > 0 && first < 0x80;
  const isShortest = first !== 0 || second >= 0x80;
  return isPositive && isShortest ? BigInt(`0x${bytes.toString('hex')}`) : null;
}

function problemOfEcdsa(
  { name, jwk, bytes }: { name: string; jwk: string; bytes: number },
  [curve, point, ...rest]: Buffer[],
): string | null {
  const isWhole = curve?.toString('latin1') === name && rest.length === 0;
  if (!isWhole || point?.[0] !== 4 || point.length !== 1 + 2 * bytes)
    return 'its content is damaged';
  const x = point.subarray(1, 1 + bytes).toString('base64url');
  const y = point.subarray(1 + bytes).toString('base64url');
  try {
    // OpenSSL looks whether the point is on the curve.
    createPublicKey({ key: { kty: 'EC', crv: jwk, x, y }, format: 'jwk' });
    return null;
  } catch {
    return 'its point is not on its curve';
  }
}
