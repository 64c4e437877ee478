import { MAX_PAYLOAD_BYTES } from '../../protocol/data-plane.ts';
import { clientSignal } from '../client-signal.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { createRequireFunction } from './find-function.ts';
import { FunctionParams, InvocationSchema } from './schema.ts';
import { Type } from 'typebox';

export function invokeRoute(api: ApiInstance, deps: ApiDeps): void {
  const requireFunction = createRequireFunction(deps);

  api.post(
    '/functions/:function/invoke',
    {
      // The function's own log tells of it.
      config: { action: 'function.invoke', isAudited: false },
      bodyLimit: MAX_PAYLOAD_BYTES,
      schema: {
        operationId: 'invokeFunction',
        tags: ['functions'],
        summary: 'Invoke a function with any JSON as its event, and wait for what it answers',
        params: FunctionParams,
        body: Type.Unknown({ description: 'The event. Without a body: {}' }),
        response: { 200: InvocationSchema },
      },
    },
    async ({ actor, params, body }, reply) => {
      const { row } = await requireFunction(actor, 'function.invoke', params.function);
      const payload = Buffer.from(JSON.stringify(body));
      return deps.invocations.invoke(row, payload, clientSignal(reply));
    },
  );
}
