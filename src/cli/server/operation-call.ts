import { type Operations, OPERATIONS } from '../../protocol/control-client.generated.ts';

/** What may go over HTTP of the input of any operation. */
interface Input {
  params?: Record<string, string>;
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
}

export type OperationId = keyof Operations;

/** What an operation takes; nothing at all where it needs nothing. */
export type InputOf<Id extends OperationId> = object extends Operations[Id]['input']
  ? [input?: Operations[Id]['input'], options?: CallOptions]
  : [input: Operations[Id]['input'], options?: CallOptions];

export interface CallOptions {
  /** A minute otherwise. */
  timeoutMs?: number;
}

/** Where an operation is, with its parts encoded, and the query. */
export function pathOf<Id extends OperationId>(id: Id, input: Operations[Id]['input']): string {
  const { params = {}, query = {} } = input as Input;
  const path = OPERATIONS[id].path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(params[name] ?? ''),
  );
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`;
}

/** Whether the server carries it out once, however often it is sent with one key. */
export function isOnce(id: OperationId): boolean {
  return 'isOnce' in OPERATIONS[id];
}

export function bodyOf(input: Input): unknown {
  return input.body;
}
