import { X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformError } from '../../protocol/errors.ts';
import { writeFileAtomically } from '../../std/atomic-file.ts';

/**
 * By server, the certificate of an authority that it is believed by beside the public ones: that of a machine (`fn server
 * --local-https`) or of a company. A file each, since git reads them, too (http.<url>.sslCAInfo).
 */
export interface AuthorityFiles {
  /** In PEM; null for a server that the public ones vouch for. */
  find(server: string): Promise<string | null>;
  /** Answers with the path of the copy. */
  store(server: string, certificate: string): Promise<string>;
  pathOf(server: string): string;
}

const MAX_CERTIFICATES = 10;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+?-----END CERTIFICATE-----/g;
/** A certificate is no secret. */
const MODE = 0o644;

export function createAuthorityFiles(configDir: string): AuthorityFiles {
  const folder = join(configDir, 'authorities');
  /** No host has a character that a file name could not have, but the colon before a port. */
  const pathOf = (server: string): string => {
    return join(folder, `${new URL(server).host.replaceAll(':', '_')}.crt`);
  };

  return {
    pathOf,
    async find(server) {
      return readFile(pathOf(server), 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null;
        throw error;
      });
    },
    async store(server, certificate) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFileAtomically(pathOf(server), certificate, MODE);
      return pathOf(server);
    },
  };
}

/** The certificates of a file, in PEM. @throws PlatformError bad-request */
export async function readAuthorityFile(path: string): Promise<string> {
  const text = await readFile(path, 'latin1').catch((cause: NodeJS.ErrnoException) => {
    throw new PlatformError('bad-request', `${path} cannot be read (${cause.code})`, {
      hint: 'name the certificate of the authority: that of fn server --local-https is local-ca.crt in its data folder, and fn certificates trust fetches it',
      cause,
    });
  });
  const certificates = text.match(CERTIFICATE) ?? [];
  const isEach = certificates.length <= MAX_CERTIFICATES && certificates.every(isAuthority);
  if (certificates.length > 0 && isEach) return `${certificates.join('\n')}\n`;
  throw new PlatformError('bad-request', `${path} holds no certificate of an authority in PEM`, {
    hint: 'name the one that has issued the certificate of the server, not that of the server itself',
  });
}

function isAuthority(certificate: string): boolean {
  try {
    return new X509Certificate(certificate).ca;
  } catch {
    return false;
  }
}
