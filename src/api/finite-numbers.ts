import type { ApiInstance } from './server.ts';

/**
 * `1e999` in a query string is read as the number Infinity, of which ajv asks neither whether it is whole nor whether it lies
 * between bounds (its option strictNumbers exempts what is not finite from all rules of numbers).
 */
export function refuseInfinity(api: ApiInstance): void {
  api.addHook('preHandler', async ({ params, query }) => {
    const given = Object.entries({ ...(params as object), ...(query as object) });
    const odd = given.find(([, value]) => typeof value === 'number' && !Number.isFinite(value));
    if (odd === undefined) return;
    const message = 'must be a finite number';
    throw Object.assign(new Error(`${odd[0]} ${message}`), {
      statusCode: 400,
      validationContext: 'querystring',
      validation: [{ instancePath: `/${odd[0]}`, message }],
    });
  });
}
