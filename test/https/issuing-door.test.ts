/** Certificates that are proven by the door and served by it at once. */
import { expect, it } from 'vitest';
import { shiftedClock } from '../support/certificate-engine.ts';
import { createDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { type HandshakeOptions, shakeHands } from '../support/https-door.ts';
import { type IssuingDoor, startIssuingDoor } from '../support/issuing-door.ts';

const NAME = 'door.example.com';
const issuedBy = ({ engine }: IssuingDoor): number =>
  engine.events.filter((line) => line.startsWith('issued')).length;

/** What a client gets that believes Pebble's root: the names of the certificate. */
async function namesServed(
  { httpsPort, pebble }: IssuingDoor,
  name?: string,
): Promise<string | undefined> {
  const ca = await pebble.issuerRoot();
  const trust: HandshakeOptions = { ca, rejectUnauthorized: true };
  const socket = await shakeHands(httpsPort, { ...trust, ...(name !== undefined && { name }) });
  const { subjectaltname } = socket.getPeerCertificate();
  socket.destroy();
  return subjectaltname;
}

it.each([
  [NAME, NAME, `DNS:${NAME}`],
  ['127.0.0.1', undefined, 'IP Address:127.0.0.1'],
])('proves %s by tls-alpn-01 where port 80 leads elsewhere', async (name, asked, subjects) => {
  const clock = shiftedClock(0);
  const door = await startIssuingDoor(
    await createDatabase(),
    { wanted: [{ names: [name], appId: null }], clock },
    { httpPort: await freePort() },
  );
  const { engine, challenges } = door;
  engine.start();
  await eventually(() => expect(engine.events).toHaveLength(1));
  expect(engine.events[0]).toMatch(/^failed \S+ challenge-failed: .* was not proven by http-01/);
  expect([...challenges]).toEqual(['http-01']);
  clock.shift(2 * 60_000);
  await eventually(() => expect(engine.events.slice(1)).toEqual([`issued ${name}`]));
  expect([...challenges]).toEqual(['http-01', 'tls-alpn-01']);
  expect(await namesServed(door, asked)).toBe(subjects);
});

const RENEWALS = 3;
const CLIENTS = 4;

it('renews what lasts twenty seconds, and no handshake fails meanwhile', async () => {
  const door = await startIssuingDoor(
    await createDatabase(),
    { wanted: [{ names: [NAME], appId: null }] },
    { validitySeconds: 20 },
  );
  door.engine.start();
  await eventually(() => expect(issuedBy(door)).toBe(1));
  const ca = await door.pebble.issuerRoot();
  const serials = new Set<string>();
  const failures: unknown[] = [];
  const over = new AbortController();
  /** Every other of them resumes the one before, as browsers do. */
  async function shakeOn(): Promise<void> {
    let session: Buffer | undefined;
    while (!over.signal.aborted) {
      const how = { name: NAME, ca, rejectUnauthorized: true, ...(session && { session }) };
      const socket = await shakeHands(door.httpsPort, how);
      serials.add(socket.getPeerCertificate().serialNumber);
      const ticket = new Promise<Buffer>((resolve) => socket.once('session', resolve));
      session = session === undefined ? await ticket : undefined;
      socket.destroy();
    }
  }
  const clients = Array.from({ length: CLIENTS }, () =>
    shakeOn().catch((error: unknown) => failures.push(error)),
  );
  await eventually(() => expect(issuedBy(door)).toBe(1 + RENEWALS), 80_000).finally(() =>
    over.abort(),
  );
  await Promise.all(clients);
  expect(failures).toEqual([]);
  expect(serials.size).toBeGreaterThanOrEqual(1 + RENEWALS);
  expect(door.engine.events).toHaveLength(1 + RENEWALS);
}, 120_000);
