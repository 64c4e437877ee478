/** The door as data opens it, which serves what an engine publishes, and answers Pebble at the ports that it looks at. */
import { onTestFinished } from 'vitest';
import type { CertificateIndex } from '../../src/protocol/certificates.ts';
import type { Database } from '../../src/store/database.ts';
import { createEngine, type Engine, type EngineOptions } from './certificate-engine.ts';
import { startChallengeResponder } from './challenge-responder.ts';
import { freePort } from './free-port.ts';
import { startHttpsDoor } from './https-door.ts';
import { type Pebble, type PebbleOptions, startPebble } from './pebble.ts';

export interface IssuingDoor {
  engine: Engine;
  pebble: Pebble;
  httpsPort: number;
  /** Kinds of the challenges that were served. */
  challenges: Set<string>;
}

export async function startIssuingDoor(
  db: Database,
  options: Pick<EngineOptions, 'wanted' | 'clock'>,
  pebbleOptions: PebbleOptions = {},
): Promise<IssuingDoor> {
  const door = await startHttpsDoor({ certificates: [] });
  onTestFinished(() => door.close());
  const { httpsPort: tlsPort, port: httpPort } = door;
  const pebble = await startPebble({ httpPort, tlsPort, ...pebbleOptions });
  onTestFinished(() => pebble.close());
  const challenges = new Set<string>();
  // Nobody asks it: it holds the index for the engine.
  const ports = { httpPort: await freePort(), tlsPort: await freePort() };
  const responder = await startChallengeResponder(ports);
  onTestFinished(() => responder.close());
  const engine = await createEngine({
    db,
    pebble,
    responder,
    ...options,
    async writeIndex(index) {
      for (const { kind } of index.challenges) challenges.add(kind);
      await door.serve(await withKeys(engine, index), index.challenges);
    },
  });
  return { engine, pebble, httpsPort: tlsPort, challenges };
}

function withKeys({ sealedKeys }: Engine, { certificates }: CertificateIndex) {
  return Promise.all(
    certificates.map(async (served) => ({ served, key: (await sealedKeys.open(served.id)) ?? '' })),
  );
}
