import type { ServedDeployment, ServedFunction } from '../model/served.ts';

/**
 * Which function of a deployment answers a path. One function answers all of them; of several each answers
 * `/<its name>` and what is below it, and `main` or `index` all the rest.
 */
export function functionForPath(
  deployment: ServedDeployment,
  target: string,
): ServedFunction | null {
  const { functions } = deployment;
  if (functions.length <= 1) return functions[0] ?? null;
  const path = target.split('?', 1)[0] ?? '';
  let best: ServedFunction | null = null;
  for (const served of functions) {
    const prefix = `/${served.name}`;
    const matches = path === prefix || path.startsWith(`${prefix}/`);
    if (matches && served.name.length > (best?.name.length ?? 0)) best = served;
  }
  return best ?? functions.find(({ name }) => name === 'main' || name === 'index') ?? null;
}
