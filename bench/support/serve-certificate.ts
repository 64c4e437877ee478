/** Gives a platform a certificate without a CA: its file is written as control would write it. */
import { chown, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Platform } from '../../test/support/platform.ts';
import type { TestCertificate } from '../../test/support/certificates.ts';
import type { CertificateIndex } from '../../src/protocol/certificates.ts';
import { parseMasterKeys } from '../../src/secrets/master-key-file.ts';
import { sealCertificateKey } from '../../src/secrets/sealed.ts';

/** Above any that control has written by then. */
const GENERATION = 1_000_000;

/** Served after the next restart. */
export async function serveCertificate(
  { dataDir }: Platform,
  { served, key }: TestCertificate,
): Promise<void> {
  const folder = join(dataDir, 'certificates');
  const { uid, gid } = await stat(folder);
  const [masterKey = Buffer.alloc(0)] =
    parseMasterKeys(await readFile(join(dataDir, 'master-key'), 'utf8')) ?? [];
  const index: CertificateIndex = {
    generation: GENERATION,
    certificates: [served],
    challenges: [],
  };
  const files: [string, string | Buffer, number][] = [
    [`${served.id}.sealed`, sealCertificateKey(masterKey, served.id, key), 0o600],
    ['index.json', JSON.stringify(index), 0o640],
  ];
  for (const [name, content, mode] of files) {
    const file = join(folder, name);
    await writeFile(file, content, { mode });
    await chown(file, uid, gid);
  }
}
