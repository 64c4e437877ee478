/** A recorded door that serves HTTPS as well, with certificates that a test replaces as it likes. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { createCertificates } from '../../src/router/index.ts';
import type { AcmeChallenge } from '../../src/protocol/certificates.ts';
import type { TestCertificate } from './certificates.ts';
import { listen } from './listen.ts';
import { type RecordedDoorOptions, startRecordedDoor } from './recorded-door.ts';

export interface HttpsDoorOptions extends Omit<RecordedDoorOptions, 'https'> {
  certificates: TestCertificate[];
  challenges?: AcmeChallenge[];
  ticketKeys?: Buffer;
}

export const TEST_ADDRESS = {
  baseDomain: 'fn.test',
  controlHost: 'fn.test',
  scheme: 'https',
  port: 443,
} as const;

export async function startHttpsDoor(options: HttpsDoorOptions) {
  const folder = await mkdtemp(join(tmpdir(), 'https-door-'));
  const file = join(folder, 'index.json');
  const keys = new Map<string, string>();
  const refused: string[] = [];
  const openKey = async (id: string): Promise<string> => keys.get(id) ?? '';
  const certificates = createCertificates(
    { openKey, refused: (fault) => void refused.push(fault) },
    file,
  );
  let generation = 0;

  /** As control does: new handshakes have these when it resolves. */
  async function serve(served: TestCertificate[], challenges: AcmeChallenge[] = []): Promise<void> {
    generation += 1;
    for (const one of served) keys.set(one.served.id, one.key);
    const index = { generation, certificates: served.map((one) => one.served), challenges };
    await writeFile(file, JSON.stringify(index));
    await certificates.load(generation);
  }

  await serve(options.certificates, options.challenges);
  const recorded = await startRecordedDoor({
    address: TEST_ADDRESS,
    ...options,
    https: { certificates, ticketKeys: options.ticketKeys ?? randomBytes(48) },
  });
  const listener = recorded.door.tls;
  if (listener === null) throw new Error('it serves HTTPS');
  return {
    ...recorded,
    serve,
    refused,
    httpsPort: await listen(listener.server),
    async close(): Promise<void> {
      await recorded.close();
      await rm(folder, { recursive: true });
    },
  };
}

export interface HandshakeOptions extends tls.ConnectionOptions {
  /** Nothing is said of it when it is absent. */
  name?: string;
}

/** A connection that is encrypted. Rejects with what ended it before. */
export function shakeHands(port: number, { name, ...options }: HandshakeOptions) {
  return new Promise<tls.TLSSocket>((resolve, reject) => {
    const socket = tls.connect({
      port,
      host: '127.0.0.1',
      // Node takes the host for it when it is absent.
      servername: name ?? '',
      rejectUnauthorized: false,
      ...options,
    });
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      socket.off('error', reject).on('error', () => {});
      resolve(socket);
    });
  });
}

/** One request on a connection of its own, or on `socket`; all that came back. */
export async function askRaw(socket: tls.TLSSocket, text: string): Promise<string> {
  let answer = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => (answer += chunk));
  socket.write(text);
  await new Promise((resolve) => socket.once('close', resolve));
  return answer;
}
