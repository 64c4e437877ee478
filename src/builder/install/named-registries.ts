/** The registries that a project names itself, so that a refusal of one is not told as that of a download. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface NamedRegistry {
  /** `npm.example.com:443`, as connections are asked for. */
  address: string;
  /** `https://npm.example.com/`, without a path or a password. */
  url: string;
  file: string;
}

const FILES = ['.npmrc', '.yarnrc', '.yarnrc.yml', 'pnpm-workspace.yaml'];
/** `registry=…`, `@scope:registry=…`, `registry "…"` and `npmRegistryServer: …`. */
const REGISTRY_LINE =
  /^[\s"']*(?:@[\w.~-]+:)?(?:registry|npmRegistryServer)["']?\s*[=:\s]\s*["']?(https?:\/\/[^\s"']+)/gm;
const PORTS: Record<string, string> = { 'http:': '80', 'https:': '443' };

export function namedRegistries(folder: string): NamedRegistry[] {
  return FILES.flatMap((file) => {
    const path = join(folder, file);
    return existsSync(path) ? registriesIn(readFileSync(path, 'utf8'), file) : [];
  });
}

export function registriesIn(text: string, file: string): NamedRegistry[] {
  return [...text.matchAll(REGISTRY_LINE)].flatMap(([, written = '']) => {
    const url = URL.parse(written);
    if (url === null) return [];
    const address = `${url.hostname}:${url.port || PORTS[url.protocol]}`;
    return [{ address, url: `${url.protocol}//${url.host}/`, file }];
  });
}
