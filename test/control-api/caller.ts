import { type Operations, OPERATIONS } from '../../src/protocol/control-client.generated.ts';
import { type Answer, ask } from '../support/ask.ts';
import { createFindUndeclared } from '../support/declared-answers.ts';
import { readOpenApiDocument } from '../support/openapi-document.ts';
import type { Platform } from '../support/platform.ts';

export type OperationId = keyof Operations;
export type Input = {
  params?: Record<string, string>;
  query?: Record<string, unknown>;
  body?: unknown;
};

/** Asks the control API of a platform, as its admin if nothing else is said. */
export interface Caller {
  call(id: OperationId, input: Input, token?: string | null): Promise<Answer>;
  /** Anything, as it is. @throws an error for an answer that the API's description does not have */
  send(request: {
    method: string;
    path: string;
    body?: string | Buffer;
    headers?: Record<string, string>;
    token?: string | null;
  }): Promise<Answer>;
}

export async function createCaller(platform: Platform): Promise<Caller> {
  const findUndeclared = createFindUndeclared(await readOpenApiDocument());
  const send: Caller['send'] = async (request) => {
    const { method, path, body, headers, token = platform.adminToken } = request;
    const answer = await ask(platform, '', {
      method,
      path,
      headers: {
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body }),
    });
    const undeclared = findUndeclared(request, answer);
    if (undeclared !== null) throw new Error(undeclared);
    return answer;
  };
  const call: Caller['call'] = (id, { params = {}, query = {}, body }, token) =>
    send({
      method: OPERATIONS[id].method,
      path: urlOf(OPERATIONS[id].path, params, query),
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(token !== undefined && { token }),
    });
  return { send, call };
}

export function urlOf(
  path: string,
  params: Record<string, string>,
  query: Record<string, unknown>,
): string {
  const url = path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(params[name] ?? ''),
  );
  const given = Object.entries(query).map(([name, value]) => [name, String(value)]);
  return given.length === 0 ? url : `${url}?${new URLSearchParams(given).toString()}`;
}

/** What the API answers is asserted by whoever asks. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- it names what is expected of the text
export function json<Shape = Record<string, unknown>>({ body }: Answer): Shape {
  return JSON.parse(body) as Shape;
}
