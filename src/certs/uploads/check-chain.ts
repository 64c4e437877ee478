/** What an authority sent, before it takes the place of what is served. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { AttemptFailure } from '../certificate-problem.ts';
import { certificateBlocks, MAX_CHAIN_LENGTH } from './pem-chain.ts';
import { MAX_CLOCK_ERROR_MS, type Validity } from '../renewal-plan.ts';

export interface CheckedChain extends Validity {
  /** Certificates alone, leaf first. */
  pem: string;
}

/** @throws AttemptFailure wrong-certificate unless the chain is for this key and all of these names, in order, and not over. */
export function checkChain(
  text: string,
  wanted: { key: string; names: readonly string[]; now: number },
): CheckedChain {
  const blocks = certificateBlocks(text);
  if (blocks.length === 0 || blocks.length > MAX_CHAIN_LENGTH) {
    throw wrong(`it has ${blocks.length} certificates`);
  }
  const chain = blocks.map(parse);
  const [leaf, ...issuers] = chain;
  if (leaf === undefined) throw wrong('it is empty');
  if (!leaf.checkPrivateKey(createPrivateKey(wanted.key))) throw wrong('it is for another key');
  const missing = wanted.names.find((name) => !isFor(leaf, name));
  if (missing !== undefined) throw wrong(`it is not for ${missing}`);
  refuseDisorder(leaf, issuers);
  const validity = { notBefore: Date.parse(leaf.validFrom), notAfter: Date.parse(leaf.validTo) };
  // Our clock may be ahead by as much, and short lives are over by it that are not.
  if (validity.notAfter < wanted.now - MAX_CLOCK_ERROR_MS) throw wrong(`it ended ${leaf.validTo}`);
  return { pem: `${blocks.join('\n')}\n`, ...validity };
}

function parse(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw wrong('one of its parts is no certificate', error);
  }
}

/** Each is signed by the next (RFC 8555 section 9.1). */
function refuseDisorder(leaf: X509Certificate, issuers: readonly X509Certificate[]): void {
  let below = leaf;
  for (const issuer of issuers) {
    if (!below.verify(issuer.publicKey)) throw wrong('its parts do not belong together');
    below = issuer;
  }
}

/** A wildcard must stand there as it was asked for: one that is only covered by another is not what was ordered. */
function isFor(leaf: X509Certificate, name: string): boolean {
  if (isIP(name) !== 0) return leaf.checkIP(name) !== undefined;
  const names = leaf.subjectAltName?.toLowerCase().split(/,\s*/) ?? [];
  return names.includes(`dns:${name}`);
}

function wrong(reason: string, cause?: unknown): AttemptFailure {
  return new AttemptFailure(
    'wrong-certificate',
    `the certificate is not what was ordered: ${reason}`,
    {
      hint: 'the one that was served stays; if this comes again, ask the authority, or name another in ACME_DIRECTORY_URL',
      cause,
    },
  );
}
