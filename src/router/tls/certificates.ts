/** The certificates that are served, in memory: loaded from the index that control writes, their keys opened elsewhere. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { AcmeChallenge, ServedCertificate } from '../../protocol/certificates.ts';
import { KeyedMutex } from '../../std/mutex.ts';
import { readCertificateIndex } from './certificate-index.ts';
import { canonicalHost } from './certificate-names.ts';
import { type CertificateTable, createCertificateTable } from './certificate-table.ts';
import { CONTEXT_OPTIONS } from './tls-settings.ts';

export interface LoadedCertificate {
  readonly id: string;
  /** Canonical. */
  readonly names: ReadonlySet<string>;
  readonly notAfter: number;
  readonly context: SecureContext;
  /** What the context was made of. */
  readonly options: SecureContextOptions;
}

export interface CertificatesDeps {
  /** PEM. @throws when it cannot be had. */
  openKey: (certificate: string) => Promise<string>;
  /** Told of each entry that is left out. */
  refused: (fault: string) => void;
}

export interface Certificates {
  /** Replaced whole by `load`. */
  readonly table: CertificateTable<LoadedCertificate>;
  readonly challenges: readonly AcmeChallenge[];
  readonly generation: number;
  /**
   * Takes over what the file says, unless something newer is served, and answers with the generation that is served then.
   * `named` is one that control has just written: a restored installation counts from its own number on.
   * @throws PlatformError when the file is no index; what was served before goes on.
   */
  load(named: number): Promise<number>;
}

interface Loaded {
  generation: number;
  table: CertificateTable<LoadedCertificate>;
  challenges: readonly AcmeChallenge[];
}

export function createCertificates(deps: CertificatesDeps, file: string): Certificates {
  const turns = new KeyedMutex();
  let loaded: Loaded = { generation: 0, table: createCertificateTable([]), challenges: [] };

  async function load(named: number): Promise<number> {
    const index = await readCertificateIndex(file, deps.refused);
    const { generation, challenges } = index;
    if (generation < loaded.generation && generation !== named) return loaded.generation;
    const known = new Map(loaded.table.all.map((one) => [one.id, one]));
    const certificates: LoadedCertificate[] = [];
    for (const served of index.certificates) {
      const certificate = keptOf(known.get(served.id), served) ?? (await open(served));
      if (certificate !== null) certificates.push(certificate);
    }
    loaded = { generation, table: createCertificateTable(certificates), challenges };
    return generation;
  }

  /** Null, and told, when it cannot be served. */
  async function open(served: ServedCertificate): Promise<LoadedCertificate | null> {
    try {
      return makeLoaded(served, await deps.openKey(served.id));
    } catch (error) {
      deps.refused(`${served.id} (${served.names.join(', ')}): ${String(error)}`);
      return null;
    }
  }

  return {
    get table() {
      return loaded.table;
    },
    get challenges() {
      return loaded.challenges;
    },
    get generation() {
      return loaded.generation;
    },
    load: (named) => turns.run('load', () => load(named)),
  };
}

/** The one that is loaded already, under the names that it has now: those of an uploaded one may come and go. */
function keptOf(known: LoadedCertificate | undefined, { names }: ServedCertificate) {
  return known === undefined ? null : { ...known, names: new Set(names.map(canonicalHost)) };
}

function makeLoaded(
  { id, names, chain, notAfter }: ServedCertificate,
  key: string,
): LoadedCertificate {
  if (!new X509Certificate(chain).checkPrivateKey(createPrivateKey(key))) {
    throw new Error('the key is not the one of the certificate');
  }
  const options = { ...CONTEXT_OPTIONS, cert: chain, key };
  const canonical = new Set(names.map(canonicalHost));
  return { id, names: canonical, notAfter, context: createSecureContext(options), options };
}
