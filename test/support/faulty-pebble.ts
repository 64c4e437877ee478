import { type CaFaultProxy, startCaFaultProxy } from './ca-fault-proxy.ts';
import { type ChallengeResponder, startChallengeResponder } from './challenge-responder.ts';
import { type Pebble, type PebbleOptions, startPebble } from './pebble.ts';

/** Pebble behind a proxy that spoils what it says, and who answers its challenges. */
export interface FaultyPebble {
  pebble: Pebble;
  responder: ChallengeResponder;
  proxy: CaFaultProxy;
  close(): Promise<void>;
}

export async function startFaultyPebble(options: PebbleOptions = {}): Promise<FaultyPebble> {
  const pebble = await startPebble(options);
  const responder = await startChallengeResponder(pebble);
  const proxy = await startCaFaultProxy(pebble);
  return {
    pebble,
    responder,
    proxy,
    async close() {
      proxy.close();
      responder.close();
      await pebble.close();
    },
  };
}
