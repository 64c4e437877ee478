import type { RouteOptions } from 'fastify';
import type { Action } from '../access/index.ts';
import { assert } from '../std/assert.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What `can` decides on before it is done; null for a route that any token may use, or that takes none. */
    action?: Action | null;
    /** It is refused where `If-Match` is none of what it would change. */
    isConditional?: true;
  }
}

/** Of routes for machines that are no operations. They take no token. */
export const HIDDEN = { schema: { hide: true, security: [] } };

const OPERATION_ID = /^[a-z]+([A-Z][a-z]*)*$/;

/**
 * Refuses a route that the OpenAPI document could not describe in full: clients are generated from it, and so are the
 * tests of who may do what.
 */
export function requireDescription({ method, url, schema, config }: RouteOptions): void {
  if (method === 'HEAD' || schema?.hide === true) return;
  const where = `the route ${String(method)} ${url}`;
  assert(OPERATION_ID.test(schema?.operationId ?? ''), `${where} needs an operationId`);
  assert((schema?.tags ?? []).length === 1, `${where} needs one tag`);
  assert((schema?.summary ?? '') !== '', `${where} needs a summary`);
  assert(config?.action !== undefined, `${where} needs config.action`);
  const statuses = Object.keys(schema?.response ?? {});
  assert(
    statuses.some((status) => /^2\d\d$/.test(status)),
    `${where} describes no 2xx answer`,
  );
}

/** Whether a route takes no token: it says so in its description. */
export function isPublic({ schema }: { schema?: { security?: readonly object[] } }): boolean {
  return schema?.security?.length === 0;
}
