import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../../support/ask.ts';
import { startDataPlane, type DataPlane } from '../../support/data-plane.ts';
import { servedFunction, wrapModule } from '../../support/function-code.ts';

const TELLS = `export const handler = async (event, { functionName }) =>
  functionName + ' ' + event.rawPath`;

let data: DataPlane;

beforeAll(async () => {
  data = await startDataPlane();
  const deployment = await data.deployment(await wrapModule(TELLS));
  data.route({
    ...deployment,
    functions: [
      servedFunction({ name: 'users', path: '/users/:id', methods: ['GET'] }),
      servedFunction({ name: 'upload', path: '/users/:id', methods: ['PUT'], maxBodyBytes: 3 }),
      servedFunction({ name: 'files', path: '/files/*' }),
    ],
  });
});
afterAll(() => data.close());

describe('a deployment of several functions', () => {
  it('answers with the function of the path and the method, which gets the target unchanged', async () => {
    const path = '/users/../files//a%2Fb/..;/c?d=/users/1';
    const answer = await ask(data, 'hello', { path });
    expect(answer).toMatchObject({ status: 200, body: 'files /users/../files//a%2Fb/..;/c' });
    expect(await ask(data, 'hello', { path: '/users/1' })).toMatchObject({
      body: 'users /users/1',
    });
    const put = { path: '/users/1', method: 'PUT' };
    expect(await ask(data, 'hello', put)).toMatchObject({ body: 'upload /users/1' });
  });

  it('refuses a body by the limit of the function that it is for', async () => {
    const long = { path: '/users/1', method: 'PUT', body: 'long' };
    expect(await ask(data, 'hello', long)).toMatchObject({ status: 413 });
    const body = { ...long, path: '/files/1', method: 'POST' };
    expect(await ask(data, 'hello', body)).toMatchObject({ status: 200 });
  });

  it('answers 405 with the methods that the path has', async () => {
    const answer = await ask(data, 'hello', { path: '/users/1', method: 'DELETE', body: 'x' });
    expect(answer).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD, PUT' } });
    expect(JSON.parse(answer.body)).toEqual({
      error: 'This path answers GET, HEAD, PUT only',
      requestId: answer.headers['x-request-id'],
    });
    const head = await ask(data, 'hello', { path: '/users/1', method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, body: '' });
  });

  it('answers 404 where no function is, and names none', async () => {
    const answer = await ask(data, 'hello', { path: '/nothing' });
    expect(answer).toMatchObject({
      status: 404,
      headers: { 'x-fn-version': 'v1', 'content-type': 'application/json' },
    });
    expect(answer.body).not.toContain('users');
  });
});
