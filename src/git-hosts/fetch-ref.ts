import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { PlatformError } from '../protocol/errors.ts';
import { printableLine } from '../std/printable.ts';
import { runGit, type GitEnd } from './git-process.ts';
import { pinHost } from './host-address.ts';
import type { FetchedRef, HostAccess, OpenConnection } from './ports.ts';
import type { PushTickets } from './push-tickets.ts';

/**
 * Brings a ref from its host into the app, as a push of whoever made the connection: fetched into a folder that is
 * thrown away, and pushed to this server's own door, so that all that holds of pushes holds of it.
 */
export interface RefFetcher {
  /**
   * `onFound` is awaited before anything is built. Repeating it changes nothing.
   * @throws PlatformError when it can be tried again, or the host refuses to show it
   */
  bring(request: BringRequest): Promise<FetchedRef>;
}

export interface BringRequest {
  connection: OpenConnection;
  ref: string;
  onFound: (sha: string) => Promise<void>;
  signal: AbortSignal;
}

interface Deps {
  access: HostAccess;
  tickets: PushTickets;
}

interface Options {
  /** This server's, for git. */
  controlUrl: string;
  /** Where it listens on this very machine. */
  loopback: string;
  maxPackBytes: number;
}

const LIST_MS = 60_000;
const FETCH_MS = 10 * 60_000;
/** A push waits for its build, and for its turn. */
const PUSH_MS = 45 * 60_000;
const MAX_REASON_CHARACTERS = 300;
const USERS = { github: 'x-access-token', gitlab: 'oauth2', gitea: 'git' } as const;
/** Of `git ls-remote --exit-code`: there is no such ref. */
const NO_SUCH_REF = 2;

export function createRefFetcher({ access, tickets }: Deps, options: Options): RefFetcher {
  async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
    const folder = await mkdtemp(join(tmpdir(), 'gitfn-fetch-'));
    try {
      return await work(folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** All that git needs to speak with the host, and with no other. */
  async function hostConfig(connection: OpenConnection, folder: string) {
    const { url, kind, accessToken } = connection;
    const address = await pinHost(url, access);
    const caFile = join(folder, 'authorities.pem');
    if (access.roots !== null) {
      await writeFile(caFile, [...rootCertificates, access.roots].join('\n'));
    }
    return [
      ['http.curloptResolve', pinned(url, address)],
      [`http.${url.origin}/.extraHeader`, basic(USERS[kind], accessToken)],
      ...(access.roots === null ? [] : [['http.sslCAInfo', caFile]]),
    ] as [string, string][];
  }

  async function bringInto(
    folder: string,
    { connection, ref, onFound, signal }: BringRequest,
  ): Promise<FetchedRef> {
    const config = await hostConfig(connection, folder);
    const maxFileBytes = options.maxPackBytes;
    const base = { folder, config, protocols: 'https', maxFileBytes } as const;
    const git = (args: readonly string[], ms: number): Promise<GitEnd> =>
      runGit({ ...base, args, signal: AbortSignal.any([signal, AbortSignal.timeout(ms)]) });
    const { href, host } = connection.url;
    const listed = await git(['ls-remote', '--exit-code', '--', href, ref], LIST_MS);
    const sha = listed.code === NO_SUCH_REF ? null : shaOf(listed, ref);
    if (listed.code !== 0 && listed.code !== NO_SUCH_REF) throw notShown(host, listed);
    if (sha === null) return push(folder, { connection, refspec: `:${ref}`, signal }, null);
    await onFound(sha);
    await git(['init', '--quiet', '--bare', '.'], LIST_MS);
    const fetch = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--', href];
    const fetched = await git([...fetch, `+${ref}:${ref}`], FETCH_MS);
    if (fetched.code !== 0) throw notShown(host, fetched);
    return push(folder, { connection, refspec: `+${ref}:${ref}`, signal }, sha);
  }

  function push(
    folder: string,
    {
      connection,
      refspec,
      signal,
    }: { connection: OpenConnection; refspec: string; signal: AbortSignal },
    sha: string | null,
  ): Promise<FetchedRef> {
    const server = new URL(`/${connection.appName}.git`, options.controlUrl);
    return tickets.during(connection, async (ticket) => {
      if (sha === null) await initEmpty(folder, signal);
      const ended = await runGit({
        folder,
        args: ['push', '--', server.href, refspec],
        config: [
          ['http.curloptResolve', pinned(server, options.loopback)],
          [`http.${server.origin}/.extraHeader`, basic('git-host', ticket)],
          // This very machine, whatever its certificate is of.
          ['http.sslVerify', 'false'],
        ],
        protocols: 'http:https',
        maxFileBytes: options.maxPackBytes,
        signal: AbortSignal.any([signal, AbortSignal.timeout(PUSH_MS)]),
      });
      if (sha === null) return { kind: 'removed' };
      if (ended.code === 0) return { kind: 'deployed', sha };
      const reason = reasonOf(ended);
      if (reason !== null) return { kind: 'refused', sha, reason };
      throw new PlatformError('unavailable', 'this server did not take the push', {
        hint: 'it is tried again by itself',
        cause: ended.errors,
      });
    });
  }

  async function initEmpty(folder: string, signal: AbortSignal): Promise<void> {
    const args = ['init', '--quiet', '--bare', '.'];
    const maxFileBytes = options.maxPackBytes;
    await runGit({ folder, args, config: [], protocols: 'https', maxFileBytes, signal });
  }

  return { bring: (request) => withFolder((folder) => bringInto(folder, request)) };
}

/** `CURLOPT_RESOLVE`: the name stays that of TLS, the address is the one that was looked at. */
function pinned({ hostname, port, protocol }: URL, address: string): string {
  const actual = port === '' ? (protocol === 'https:' ? '443' : '80') : port;
  return `${hostname}:${actual}:${address.includes(':') ? `[${address}]` : address}`;
}

function basic(user: string, password: string): string {
  return `Authorization: Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

function shaOf({ output }: GitEnd, ref: string): string | null {
  const line = output.split('\n').find((one) => one.endsWith(`\t${ref}`));
  return /^[0-9a-f]{40}/.exec(line ?? '')?.[0] ?? null;
}

/** The first thing that the platform told the pusher was wrong; null when it told nothing. */
function reasonOf({ errors }: GitEnd): string | null {
  const [, reason] = /^remote: +! +(.+)$/m.exec(errors) ?? [];
  if (reason !== undefined) return printableLine(reason.trim(), MAX_REASON_CHARACTERS);
  return /remote rejected/.test(errors) ? 'the push was rejected' : null;
}

function notShown(host: string, { code, errors }: GitEnd): PlatformError {
  if (code === null) {
    return new PlatformError('unavailable', `${host} sends too much, or too slowly`, {
      hint: 'a ref with its history has to be smaller than a push may be; it is tried again by itself',
    });
  }
  const last = printableLine(errors.trim().split('\n').at(-1) ?? '', MAX_REASON_CHARACTERS);
  return new PlatformError('unavailable', `${host} does not show the repository: ${last}`, {
    hint: 'check the URL and that the access token may read it: fn git-hosts connect again',
  });
}
