import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { CertificateIndex } from '../../../src/protocol/certificates.ts';
import { createCertificates } from '../../../src/router/index.ts';
import { makeCertificate } from '../../support/certificates.ts';

const A = makeCertificate('a1', ['a.test', '*.a.test']);
const B = makeCertificate('b1', ['b.test']);
const HTTP_CHALLENGE = {
  kind: 'http-01' as const,
  host: 'a.test',
  token: 'tok_en-1',
  keyAuthorization: 'tok_en-1.thumb',
};

async function open() {
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-certificates-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'index.json');
  const opened: string[] = [];
  const refused: string[] = [];
  const keys: Record<string, string> = { a1: A.key, b1: B.key };
  const certificates = createCertificates(
    {
      openKey: async (id) => {
        opened.push(id);
        const key = keys[id];
        if (key === undefined) throw new Error('no such key');
        return key;
      },
      refused: (fault) => void refused.push(fault),
    },
    file,
  );
  const write = (index: Partial<CertificateIndex> | string) =>
    writeFile(
      file,
      typeof index === 'string'
        ? index
        : JSON.stringify({ generation: 1, certificates: [], challenges: [], ...index }),
    );
  const ids = () => certificates.table.all.map(({ id }) => id);
  return { certificates, write, opened, refused, keys, ids };
}

describe('the served certificates', () => {
  it('are none before control has written any', async () => {
    const { certificates, refused } = await open();
    expect(await certificates.load(0)).toBe(0);
    expect(certificates.table.find('a.test')).toBe(null);
    expect(refused).toEqual([]);
  });

  it('are those of the file, and keys are opened once', async () => {
    const { certificates, write, opened, ids } = await open();
    await write({ certificates: [A.served] });
    await certificates.load(1);
    await write({
      generation: 2,
      certificates: [A.served, B.served],
      challenges: [HTTP_CHALLENGE],
    });
    expect(await certificates.load(2)).toBe(2);
    expect(ids()).toEqual(['a1', 'b1']);
    expect(opened).toEqual(['a1', 'b1']);
    expect(certificates.challenges).toEqual([HTTP_CHALLENGE]);
  });

  it('are served under the names that the file gives them now', async () => {
    const { certificates, write, opened } = await open();
    await write({ certificates: [A.served] });
    await certificates.load(1);
    await write({ generation: 2, certificates: [{ ...A.served, names: ['a.test'] }] });
    await certificates.load(2);
    expect(certificates.table.find('a.test')?.id).toBe('a1');
    expect(certificates.table.find('x.a.test')).toBe(null);
    expect(opened).toEqual(['a1']);
  });

  it('are served without the entries that are none, each told with its reason', async () => {
    const { certificates, write, refused, keys, ids } = await open();
    keys['swapped'] = B.key;
    keys['garbage'] = 'garbage';
    await write({
      certificates: [
        { ...A.served, id: '../x' },
        { ...A.served, id: 'c1', names: ['A.test'] },
        { ...A.served, id: 'c2', names: ['a..test'] },
        { ...A.served, id: 'c3', names: ['*'] },
        { ...A.served, id: 'c4', chain: 'none' },
        { ...A.served, id: 'c5', notAfter: -1 },
        { ...A.served, id: 'missing' },
        { ...A.served, id: 'swapped' },
        { ...A.served, id: 'garbage' },
        B.served,
      ],
      challenges: [
        { ...HTTP_CHALLENGE, token: '../../etc/passwd' },
        { ...HTTP_CHALLENGE, host: 'a.test/x' },
        { ...HTTP_CHALLENGE, kind: 'dns-01' as never },
        HTTP_CHALLENGE,
      ],
    });
    await certificates.load(1);
    expect(ids()).toEqual(['b1']);
    expect(certificates.challenges).toEqual([HTTP_CHALLENGE]);
    expect(refused.map((fault) => fault.slice(0, 45))).toMatchInlineSnapshot(`
      [
        "the certificate.id is "../x"",
        "the certificate.names[0] is "A.test", no host",
        "the certificate.names[0] is "a..test", no hos",
        "the certificate.names[0] is "*", no host name",
        "the certificate.notAfter is -1, no whole numb",
        "the challenge.token is "../../etc/passwd"",
        "the challenge.host is "a.test/x", no host nam",
        "the challenge.kind is "dns-01"",
        "c4 (a.test, *.a.test): Error: no such key",
        "missing (a.test, *.a.test): Error: no such ke",
        "swapped (a.test, *.a.test): Error: the key is",
        "garbage (a.test, *.a.test): Error: error:1E08",
      ]
    `);
  });

  it('go on when the file is no index any more', async () => {
    const { certificates, write, ids } = await open();
    await write({ certificates: [A.served] });
    await certificates.load(1);
    for (const content of ['{"generation":', '[]', '{"generation":2}']) {
      await write(content);
      await expect(certificates.load(2)).rejects.toThrow('is no list of certificates');
    }
    expect(ids()).toEqual(['a1']);
  });

  it('are not replaced by older ones, unless control names them', async () => {
    const { certificates, write, ids } = await open();
    await write({ generation: 5, certificates: [A.served] });
    await certificates.load(5);
    await write({ generation: 2, certificates: [B.served] });
    expect(await certificates.load(1)).toBe(5);
    expect(ids()).toEqual(['a1']);
    expect(await certificates.load(2)).toBe(2);
    expect(ids()).toEqual(['b1']);
  });
});
