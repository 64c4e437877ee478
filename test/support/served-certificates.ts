import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AcmeChallenge, CertificateIndex } from '../../src/protocol/certificates.ts';
import { createMasterKeys, createSealedCertificates } from '../../src/secrets/index.ts';
import { parseMasterKeys } from '../../src/secrets/master-key-file.ts';
import { writeFileAtomically } from '../../src/std/atomic-file.ts';
import type { TestCertificate } from './certificates.ts';
import { dataProcessesOf } from './data-processes.ts';
import { eventually } from './eventually.ts';
import type { Platform } from './platform.ts';

/** Puts certificates into a data folder as control does; who loads them is for the caller to see to. */
export async function storeCertificates(
  dataDir: string,
  certificates: readonly TestCertificate[],
  { generation = 1, challenges = [] }: { generation?: number; challenges?: AcmeChallenge[] } = {},
): Promise<void> {
  const folder = join(dataDir, 'certificates');
  const masterKeys = parseMasterKeys(await readFile(join(dataDir, 'master-key'), 'utf8'));
  const sealed = createSealedCertificates(createMasterKeys(masterKeys ?? []), folder);
  for (const { served, key } of certificates) await sealed.seal(served.id, key);
  const served = certificates.map((one) => one.served);
  const index: CertificateIndex = { generation, certificates: served, challenges };
  await writeFileAtomically(join(folder, 'index.json'), JSON.stringify(index), 0o644);
}

/** Above any that control has given by then; it writes the next when a certificate of its own comes. */
const GENERATION = 1_000_000;

/** Has data start anew with these, and all that it runs with it. */
export async function serveCertificates(
  platform: Platform,
  certificates: readonly TestCertificate[],
): Promise<void> {
  await storeCertificates(platform.dataDir, certificates, { generation: GENERATION });
  const former = dataProcessesOf(platform);
  for (const pid of former) process.kill(pid, 'SIGKILL');
  await eventually(() => {
    const current = dataProcessesOf(platform);
    return current.length === former.length && current.every((pid) => !former.includes(pid));
  });
}
