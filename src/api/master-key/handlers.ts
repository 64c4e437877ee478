import { systemClock } from '../../std/clock.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { MasterKeyRotationSchema } from './schema.ts';

export function masterKeyRoutes(api: ApiInstance, { access, rotation }: ApiDeps): void {
  api.post(
    '/master-key/rotation',
    {
      config: { action: 'master-key.rotate' },
      schema: {
        operationId: 'rotateMasterKey',
        tags: ['platform'],
        summary: 'Replace the master key and encrypt everything anew, while all serves',
        response: { 200: MasterKeyRotationSchema },
      },
    },
    async (request) => {
      access.require(request.actor, 'master-key.rotate');
      const beganAt = systemClock.monotonicMs();
      const { keyId } = await rotation.rotate();
      return { keyId, elapsedMs: systemClock.monotonicMs() - beganAt };
    },
  );
}
