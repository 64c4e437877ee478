import type { ClaimPort, FunctionClaim } from './ports.ts';
import type { ZygoteSource } from './zygote-turns.ts';

/** Zygotes of a function whose app has workers in other data processes as well: each is claimed for as long as it lives. */
export function claimedZygotes(
  source: ZygoteSource,
  claims: ClaimPort,
  subject: Omit<FunctionClaim, 'memoryMib'>,
): ZygoteSource {
  return {
    take: async (memoryMib) => {
      const giveBack = await claims.claim({ ...subject, memoryMib });
      try {
        const zygote = await source.take(memoryMib);
        void zygote.sandbox.exited.then(giveBack);
        return zygote;
      } catch (error) {
        giveBack();
        throw error;
      }
    },
  };
}
