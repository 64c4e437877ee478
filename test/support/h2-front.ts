/** TLS in front of a door that is tried by itself: what agrees on h2 is the door's. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { listen } from './listen.ts';

export interface H2Front {
  port: number;
  close(): void;
}

export async function startH2Front(accept: (socket: tls.TLSSocket) => void): Promise<H2Front> {
  const server = tls.createServer({ ...(await makeCertificate()), ALPNProtocols: ['h2'] }, accept);
  return { port: await listen(server), close: () => void server.close() };
}

/** Of `localhost` and what stands below it; made by openssl for this process alone. */
async function makeCertificate(): Promise<{ key: Buffer; cert: Buffer }> {
  const folder = await mkdtemp(join(tmpdir(), 'h2-front-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const names = 'subjectAltName=DNS:localhost,DNS:*.localhost';
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const subject = ['-subj', '/CN=localhost', '-addext', names, '-days', '2'];
  await promisify(execFile)('openssl', [
    'req',
    '-x509',
    ...curve,
    ...subject,
    '-keyout',
    key,
    '-out',
    cert,
  ]);
  const pair = { key: await readFile(key), cert: await readFile(cert) };
  await rm(folder, { recursive: true });
  return pair;
}
