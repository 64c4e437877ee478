import { rootCertificates } from 'node:tls';
import { PlatformError } from '../protocol/errors.ts';
import type { GitEnd, GitOrder } from '../protocol/git-order.ts';
import { printableLine } from '../std/printable.ts';
import { requireConfinement } from './confinement.ts';
import { openGitSandbox, type GitSandbox } from './git-sandbox.ts';
import { pinHost } from './host-address.ts';
import type { FetchedRef, GitSandboxDeps, HostAccess, OpenConnection } from './ports.ts';
import type { PushTickets } from './push-tickets.ts';

/**
 * Brings a ref from its host into the app, as a push of whoever made the connection: fetched in a sandbox that is
 * thrown away, and pushed from there to this server's own door, so that all that holds of pushes holds of it.
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
  git: GitSandboxDeps;
}

interface PushRequest {
  connection: OpenConnection;
  refspec: string;
  signal: AbortSignal;
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
/** A host that sends next to nothing; this server sends as little while it builds, and is waited for. */
const GIVE_UP_SLOW = [
  ['http.lowSpeedLimit', '1000'],
  ['http.lowSpeedTime', '30'],
] as const;
const USERS = { github: 'x-access-token', gitlab: 'oauth2', gitea: 'git' } as const;
/** A part of git that met a bound of its sandbox, of memory or of a file's size. */
const WAS_ENDED = /died of signal|out of memory|malloc failed/i;
/** Of `git ls-remote --exit-code`: there is no such ref. */
const NO_SUCH_REF = 2;

export function createRefFetcher({ access, tickets, git }: Deps, options: Options): RefFetcher {
  const rootsOfHosts = [...rootCertificates, access.roots ?? ''].join('\n');

  async function bringThrough(
    sandbox: GitSandbox,
    { connection, ref, onFound, signal }: BringRequest,
  ): Promise<FetchedRef> {
    const { url, kind, accessToken } = connection;
    sandbox.reach({ url, address: await pinHost(url, access) });
    const header = [`http.${url.origin}/.extraHeader`, basic(USERS[kind], accessToken)] as const;
    const config = [header, ...GIVE_UP_SLOW];
    const base = { config, protocols: 'https', authorities: rootsOfHosts } as const;
    const run = (args: readonly string[], ms: number): Promise<GitEnd> => {
      const order = { ...base, args, maxFileBytes: options.maxPackBytes };
      return sandbox.run(order, AbortSignal.any([signal, AbortSignal.timeout(ms)]));
    };
    await run(['init', '--quiet', '--bare', '.'], LIST_MS);
    const listed = await run(['ls-remote', '--exit-code', '--', url.href, ref], LIST_MS);
    const sha = listed.code === NO_SUCH_REF ? null : shaOf(listed, ref);
    if (listed.code !== 0 && listed.code !== NO_SUCH_REF) throw notShown(url.host, listed);
    if (sha === null) return push(sandbox, { connection, refspec: `:${ref}`, signal }, null);
    await onFound(sha);
    const fetch = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--', url.href];
    const fetched = await run([...fetch, `+${ref}:${ref}`], FETCH_MS);
    if (fetched.code !== 0) throw notShown(url.host, fetched);
    return push(sandbox, { connection, refspec: `+${ref}:${ref}`, signal }, sha);
  }

  function push(
    sandbox: GitSandbox,
    { connection, refspec, signal }: PushRequest,
    sha: string | null,
  ): Promise<FetchedRef> {
    const server = new URL(`/${connection.appName}.git`, options.controlUrl);
    // The host is out of reach from here on: it never meets the ticket.
    sandbox.reach({ url: server, address: options.loopback });
    return tickets.during(connection, async (ticket) => {
      const order: GitOrder = {
        args: ['push', '--', server.href, refspec],
        config: [
          [`http.${server.origin}/.extraHeader`, basic('git-host', ticket)],
          // This very machine, whatever its certificate is of.
          ['http.sslVerify', 'false'],
        ],
        protocols: 'http:https',
        authorities: '',
        maxFileBytes: options.maxPackBytes,
      };
      const deadline = AbortSignal.timeout(PUSH_MS);
      const ended = await sandbox.run(order, AbortSignal.any([signal, deadline]));
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

  return {
    async bring(request) {
      requireConfinement(access);
      const sandbox = await openGitSandbox(git);
      try {
        return await bringThrough(sandbox, request);
      } finally {
        sandbox.close();
      }
    },
  };
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
  if (code === null || WAS_ENDED.test(errors)) {
    return new PlatformError('unavailable', `${host} sends too much, or too slowly`, {
      hint: 'a ref with its history has to be smaller than a push may be; it is tried again by itself',
    });
  }
  const last = printableLine(errors.trim().split('\n').at(-1) ?? '', MAX_REASON_CHARACTERS);
  return new PlatformError('unavailable', `${host} does not show the repository: ${last}`, {
    hint: 'check the URL and that the access token may read it: fn git-hosts connect again',
  });
}
