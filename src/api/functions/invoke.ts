import { MAX_PAYLOAD_BYTES } from '../../protocol/data-plane.ts';
import { clientSignal } from '../client-signal.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { createRequireFunction } from './find-function.ts';
import { createFindVersion } from './find-version.ts';
import { FunctionParams, InvocationSchema, InvokeQuery } from './schema.ts';
import { Type } from 'typebox';

export function invokeRoute(api: ApiInstance, deps: ApiDeps): void {
  const requireFunction = createRequireFunction(deps);
  const findVersion = createFindVersion(deps);

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
        querystring: InvokeQuery,
        body: Type.Unknown({ description: 'The event. Without a body: {}' }),
        response: { 200: InvocationSchema },
      },
    },
    async ({ actor, params, query, body }, reply) => {
      const { app, row } = await requireFunction(actor, 'function.invoke', params.function);
      const { version } = query;
      const invoked = version === undefined ? row : await findVersion(app, row, version);
      const payload = Buffer.from(JSON.stringify(body));
      return deps.invocations.invoke(invoked, payload, clientSignal(reply));
    },
  );
}
