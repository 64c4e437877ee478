import { ask, type Answer } from './ask.ts';
import type { Platform } from './platform.ts';

interface Call {
  method?: string;
  /** Null for none; without it, the admin's. */
  token?: string | null;
  body?: unknown;
  headers?: Record<string, string>;
}

/** One call of a platform's control API. */
export function callControl(
  platform: Platform,
  path: string,
  { method, token = platform.adminToken, body, headers }: Call = {},
): Promise<Answer> {
  return ask(platform, '', {
    method: method ?? 'GET',
    path,
    headers: {
      ...headers,
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}
