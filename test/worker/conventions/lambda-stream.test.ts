import { afterEach, expect, it } from 'vitest';
import { provideAwsLambda } from '../../../src/worker/conventions/lambda-stream.ts';

const scope: { awslambda?: Record<string, unknown> } = globalThis as object;
afterEach(() => void delete scope.awslambda);

it('lets code do with the global awslambda what the clients of AWS do as they load', () => {
  provideAwsLambda();
  scope.awslambda = scope.awslambda ?? {};
  scope.awslambda['InvokeStore'] = {};
  expect(Object.keys(scope.awslambda)).toContain('streamifyResponse');
});
