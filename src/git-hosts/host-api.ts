/** What each host's API is told, by its documented paths. */
import { PlatformError } from '../protocol/errors.ts';
import { reasonOf, type HostAnswer } from './host-answer.ts';
import type { HostClient, HostRequest } from './host-client.ts';
import type { OpenConnection } from './ports.ts';

export interface CommitStatus {
  sha: string;
  state: 'pending' | 'success' | 'failure';
  description: string;
  /** Where to see more; null for nowhere. */
  url: string | null;
}

/** GitHub refuses longer ones. */
const MAX_DESCRIPTION_CHARACTERS = 140;

export interface HostApi {
  /** @throws PlatformError for what the host answers wrongly, with what to do */
  setStatus(connection: OpenConnection, status: CommitStatus): Promise<void>;
  /** Writes a comment, or `existing` anew; returns its id. @throws as `setStatus` */
  putComment(connection: OpenConnection, comment: Comment): Promise<string>;
}

interface Comment {
  request: number;
  existing: string | null;
  text: string;
}

export function createHostApi(client: HostClient, signal: AbortSignal): HostApi {
  async function put(
    connection: OpenConnection,
    [method, path, body]: [HostRequest['method'], string, object],
  ): Promise<HostAnswer> {
    const url = new URL(apiBase(connection) + path);
    return client.call({ method, url, headers: credentials(connection), body }, signal);
  }

  return {
    async setStatus(connection, status) {
      const answer = await put(connection, statusRequest(connection, status));
      if (answer.status < 300 || isSameStatus(connection, answer)) return;
      throw refused(connection, answer, 'set commit statuses');
    },
    async putComment(connection, { existing, ...comment }) {
      const changed =
        existing === null
          ? null
          : await put(connection, changeRequest(connection, { existing, ...comment }));
      if (changed !== null && changed.status < 300 && existing !== null) return existing;
      // Somebody has removed it.
      if (changed !== null && changed.status !== 404) throw refused(connection, changed, 'comment');
      const made = await put(connection, commentRequest(connection, comment));
      if (made.status >= 300) throw refused(connection, made, 'comment');
      return idOf(connection, made);
    },
  };
}

/** GitHub's own host has its API elsewhere. */
function apiBase({ kind, url }: OpenConnection): string {
  const repository = url.pathname.replace(/^\/|(\.git)?\/?$/g, '');
  switch (kind) {
    case 'github':
      return url.host === 'github.com'
        ? `https://api.github.com/repos/${repository}`
        : `${url.origin}/api/v3/repos/${repository}`;
    case 'gitlab':
      return `${url.origin}/api/v4/projects/${encodeURIComponent(repository)}`;
    case 'gitea':
      return `${url.origin}/api/v1/repos/${repository}`;
    default:
      return kind satisfies never;
  }
}

function credentials({ kind, accessToken }: OpenConnection): Record<string, string> {
  if (kind === 'gitlab') return { 'private-token': accessToken };
  if (kind === 'gitea') return { authorization: `token ${accessToken}` };
  return { authorization: `Bearer ${accessToken}`, accept: 'application/vnd.github+json' };
}

function statusRequest(
  { kind, appName }: OpenConnection,
  { sha, state, description, url }: CommitStatus,
): [HostRequest['method'], string, object] {
  const text = description.slice(0, MAX_DESCRIPTION_CHARACTERS);
  const common = { description: text, ...(url !== null && { target_url: url }) };
  const name = `gitfn/${appName}`;
  if (kind !== 'gitlab') return ['POST', `/statuses/${sha}`, { ...common, state, context: name }];
  const gitlabState = state === 'failure' ? 'failed' : state;
  return ['POST', `/statuses/${sha}`, { ...common, state: gitlabState, name }];
}

/** GitLab refuses to make pending what is, or runs: it was told before, or a pipeline has taken the name's place. */
function isSameStatus({ kind }: OpenConnection, { status, text }: HostAnswer): boolean {
  return kind === 'gitlab' && status === 400 && /:enqueue from :(pending|running)\b/.test(text);
}

function commentRequest(
  { kind }: OpenConnection,
  { request, text: body }: Omit<Comment, 'existing'>,
): [HostRequest['method'], string, object] {
  if (kind === 'gitlab') return ['POST', `/merge_requests/${request}/notes`, { body }];
  return ['POST', `/issues/${request}/comments`, { body }];
}

function changeRequest(
  { kind }: OpenConnection,
  { request, existing, text: body }: Comment,
): [HostRequest['method'], string, object] {
  if (kind === 'gitlab') return ['PUT', `/merge_requests/${request}/notes/${existing}`, { body }];
  return ['PATCH', `/issues/comments/${existing}`, { body }];
}

function idOf(connection: OpenConnection, answer: HostAnswer): string {
  try {
    const { id } = JSON.parse(answer.text) as { id?: unknown };
    if (Number.isSafeInteger(id)) return String(id);
  } catch {
    // It is told below.
  }
  throw refused(connection, answer, 'comment');
}

function refused(
  { url, accessToken }: OpenConnection,
  answer: HostAnswer,
  doing: string,
): PlatformError {
  const { status } = answer;
  // A host that repeats what it was shown shall not have it told to who may not see it.
  const reason = reasonOf({ ...answer, text: answer.text.replaceAll(accessToken, '…') });
  const said = reason === '' ? '' : `: ${reason}`;
  const message = `${url.host} answered ${status} when told to ${doing}${said}`;
  return new PlatformError('conflict', message, { hint: hintFor(status) });
}

function hintFor(status: number): string {
  if (status === 401 || status === 403 || status === 404) {
    return 'give an access token that may read the repository and write statuses and comments: fn git-hosts connect again';
  }
  return status >= 300 && status < 400
    ? 'the repository was renamed or moved: fn git-hosts disconnect, then fn git-hosts connect with where it is now'
    : 'see whether something stands between this server and the host';
}
