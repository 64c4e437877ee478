/** A package registry in this process: packuments and tarballs of packages that a test makes, served over HTTP. */
import { createHash } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

interface TestPackage {
  name: string;
  version: string;
  /** Beside package.json. */
  files?: Record<string, string>;
  /** Further fields of package.json. */
  fields?: Record<string, unknown>;
}

export interface TestRegistry {
  url: string;
  /** Paths that were asked for. */
  requests: string[];
  /** Demanded of every request, as a Bearer token. */
  token: string | null;
  /** What it does instead of answering tarballs. */
  fault: 'none' | 'silent' | 'breaks-off';
  publish(published: TestPackage): Promise<void>;
  /** `sha512-…` of a package. */
  integrity(name: string, version: string): string;
  /** package.json and package-lock.json of a project with these dependencies, which are all that there is. */
  project(
    dependencies: Record<string, string>,
    fields?: Record<string, unknown>,
  ): Record<string, string>;
  close(): void;
}

interface Stored {
  manifest: Record<string, unknown>;
  tarball: Buffer;
  integrity: string;
}

const PUBLISHED_AT = '2020-01-01T00:00:00.000Z';

export async function startRegistry(): Promise<TestRegistry> {
  const packages = new Map<string, Map<string, Stored>>();
  const server = http.createServer((request, response) => answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

  function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    const path = decodeURIComponent(request.url ?? '/');
    registry.requests.push(path);
    if (registry.token !== null && request.headers.authorization !== `Bearer ${registry.token}`) {
      response.writeHead(401).end('{"error":"a token is needed"}');
      return;
    }
    const [, name = '', version] = /^\/(.+?)(?:\/-\/.+?-(\d.*)\.tgz)?$/.exec(path) ?? [];
    const versions = packages.get(name);
    const stored = version === undefined ? undefined : versions?.get(version);
    if (versions === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end('{"error":"Not found"}');
    } else if (version === undefined) {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(packument(name, versions)));
    } else if (registry.fault === 'breaks-off') {
      response.writeHead(200, { 'content-length': String(stored?.tarball.length) });
      response.write(stored?.tarball.subarray(0, 20), () => response.destroy());
    } else if (registry.fault === 'none') {
      response.end(stored?.tarball);
    }
  }

  /** As the public registry names it, by which clients guess it. */
  const tarballUrl = (name: string, version: string): string =>
    `${url}${name}/-/${name.split('/').at(-1)}-${version}.tgz`;

  const registry: TestRegistry = {
    url,
    requests: [],
    token: null,
    fault: 'none',
    publish: async ({ name, version, files = {}, fields = {} }) => {
      const plain = { name, version, main: 'index.js', ...fields };
      const tarball = await makeTarball({ 'package.json': JSON.stringify(plain), ...files });
      const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
      const dist = { tarball: tarballUrl(name, version), integrity };
      const versions = packages.get(name) ?? new Map<string, Stored>();
      versions.set(version, { manifest: { ...plain, dist }, tarball, integrity });
      packages.set(name, versions);
    },
    integrity: (name, version) => packages.get(name)?.get(version)?.integrity ?? '',
    project: (dependencies, fields = {}) => {
      const app = { name: 'demo', version: '1.0.0', dependencies, ...fields };
      const entries = Object.entries(dependencies).map(([name, version]) => {
        const scripts = packages.get(name)?.get(version)?.manifest['scripts'];
        const entry = {
          version,
          resolved: tarballUrl(name, version),
          integrity: registry.integrity(name, version),
          ...(scripts !== undefined && { hasInstallScript: true }),
        };
        return [`node_modules/${name}`, entry] as const;
      });
      const lock = {
        name: 'demo',
        version: '1.0.0',
        lockfileVersion: 3,
        requires: true,
        packages: { '': app, ...Object.fromEntries(entries) },
      };
      return {
        'package.json': JSON.stringify(app, null, 2),
        'package-lock.json': JSON.stringify(lock, null, 2),
      };
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return registry;
}

function packument(name: string, versions: ReadonlyMap<string, Stored>): unknown {
  const manifests = [...versions].map(([version, { manifest }]) => [version, manifest] as const);
  const latest = [...versions.keys()].at(-1);
  // Clients do not take what was published a moment ago.
  const time = Object.fromEntries([...versions.keys()].map((version) => [version, PUBLISHED_AT]));
  return { name, 'dist-tags': { latest }, versions: Object.fromEntries(manifests), time };
}

async function makeTarball(files: Record<string, string>): Promise<Buffer> {
  const tar = pack();
  for (const [path, content] of Object.entries(files))
    tar.entry({ name: `package/${path}`, mode: path.endsWith('.sh') ? 0o755 : 0o644 }, content);
  tar.finalize();
  return gzipSync(await buffer(tar));
}
