import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createHostApi, type HostApi } from '../../src/git-hosts/host-api.ts';
import type { OpenConnection } from '../../src/git-hosts/ports.ts';

const FIXTURES = resolve(import.meta.dirname, '../fixtures/git-hosts');
const same = readFileSync(join(FIXTURES, 'gitlab/same-status.json'), 'utf8');
const sha = 'a'.repeat(40);

/** An API of a host that answers everything so. */
const apiOf = (status: number, text: string): HostApi =>
  createHostApi(
    { call: () => Promise.resolve({ status, text, headers: {} }) },
    new AbortController().signal,
  );

const connectionOf = (kind: OpenConnection['kind']): OpenConnection => ({
  id: 'git-1',
  appId: 'app-1',
  appName: 'hello',
  kind,
  url: new URL('https://host.example/ada/hello.git'),
  accessToken: 'planted',
});

describe('a status that a commit has already', () => {
  const pending = { sha, state: 'pending', description: 'building', url: null } as const;

  it.each(['pending', 'running'])('is no trouble on GitLab: %s', async (is) => {
    const api = apiOf(400, same.replace('from :pending', `from :${is}`));
    await expect(api.setStatus(connectionOf('gitlab'), pending)).resolves.toBeUndefined();
  });

  it.each([
    ['gitlab', 400, '{"message":"Cannot transition status via :drop from :skipped"}'],
    ['gitlab', 404, same],
    ['github', 400, same],
  ] as const)('is nothing else: %s, %i', async (kind, status, text) => {
    await expect(apiOf(status, text).setStatus(connectionOf(kind), pending)).rejects.toThrow(
      `host.example answered ${status}`,
    );
  });
});
