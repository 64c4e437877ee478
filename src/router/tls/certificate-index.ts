import { readFile } from 'node:fs/promises';
import {
  CERTIFICATE_ID,
  type AcmeChallenge,
  type CertificateIndex,
  MAX_CERTIFICATE_NAMES,
  type ServedCertificate,
} from '../../protocol/certificates.ts';
import { PlatformError } from '../../protocol/errors.ts';
import { parseIpAddress } from '../../std/ip-address.ts';
import {
  type Check,
  list,
  matches,
  named,
  object,
  oneOf,
  shown,
  text,
  whole,
} from '../field-checks.ts';

/** Each takes about 40 KiB once it is loaded. */
const MAX_CERTIFICATES = 10_000;
/** An order has one of each of its names. */
const MAX_CHALLENGES = 10_000;
const MAX_NAME_CHARACTERS = 253;

/** In lower case, as `*.example.com` or not; labels as RFC 1035 has them, and the underscore that some hosts have. */
const NAME = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}))*$/;
/** base64url (RFC 8555 section 8.3). */
const TOKEN = /^[A-Za-z0-9_-]{1,200}$/;
const KEY_AUTHORIZATION = /^[A-Za-z0-9_-]{1,200}\.[A-Za-z0-9_-]{1,100}$/;

const EMPTY: CertificateIndex = { generation: 0, certificates: [], challenges: [] };

const indexFault = named(
  'the index',
  object({
    generation: whole(0, Number.MAX_SAFE_INTEGER),
    // Each is looked at by itself: one that is wrong must not stop the others.
    certificates: list(object({}), MAX_CERTIFICATES),
    challenges: list(object({}), MAX_CHALLENGES),
  }),
);

const certificateFault = named(
  'the certificate',
  object({
    id: matches(CERTIFICATE_ID),
    names: list(hostName, MAX_CERTIFICATE_NAMES),
    chain: text,
    notAfter: whole(0, Number.MAX_SAFE_INTEGER),
  }),
);

const httpFault = named(
  'the challenge',
  object({ host: hostName, token: matches(TOKEN), keyAuthorization: matches(KEY_AUTHORIZATION) }),
);

const alpnFault = named(
  'the challenge',
  object({ kind: oneOf(['tls-alpn-01']), host: hostName, certificate: text, key: text }),
);

/**
 * What control wrote last, without the entries that are none, of each of which `refused` is told why; an empty one before
 * the first.
 * @throws PlatformError `data-folder` that says what is wrong with the whole of it.
 */
export async function readCertificateIndex(
  path: string,
  refused: (fault: string) => void,
): Promise<CertificateIndex> {
  const index = await readJson(path);
  const fault = indexFault(index);
  if (fault !== null) {
    throw new PlatformError('data-folder', `${path} is no list of certificates: ${fault}`, {
      hint: 'it is written anew by control when it starts; if this comes again, see whether the disk is full or broken',
    });
  }
  const { generation, certificates, challenges } = index as CertificateIndex;
  return {
    generation,
    certificates: withoutFaulty(certificates, certificateFault, refused),
    challenges: withoutFaulty(challenges, challengeFault, refused),
  };
}

async function readJson(path: string): Promise<unknown> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return EMPTY;
    throw new PlatformError('data-folder', `cannot read the certificates ${path}`, {
      cause: error,
    });
  }
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}

function withoutFaulty<Entry extends ServedCertificate | AcmeChallenge>(
  entries: readonly Entry[],
  faultOf: Check,
  refused: (fault: string) => void,
): Entry[] {
  return entries.filter((entry) => {
    const fault = faultOf(entry);
    if (fault !== null) refused(fault);
    return fault === null;
  });
}

function challengeFault(value: unknown): string | null {
  return (value as { kind: unknown }).kind === 'http-01' ? httpFault(value) : alpnFault(value);
}

function hostName(value: unknown): string | null {
  const isName =
    typeof value === 'string' &&
    value.length <= MAX_NAME_CHARACTERS &&
    (NAME.test(value) || parseIpAddress(value) !== null);
  return isName ? null : ` is ${shown(value)}, no host name`;
}
