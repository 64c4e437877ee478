import type { GitHostKind, HostEvent } from '../model/git-host.ts';
import { header, type Hook } from './signature.ts';

/** What a signed webhook tells, and by which id its host knows it. `event` is null for what nothing is done about. */
export interface ReadHook {
  delivery: string;
  event: HostEvent | null;
}

const DELIVERY = /^[\w.:-]{1,100}$/;
const REF = /^refs\/(heads|tags)\/[^\s\0]{1,200}$/;
const MAX_REQUEST = 2 ** 31 - 1;

/** Null for a body that is none of the host's. */
export function readHook(kind: GitHostKind, hook: Hook): ReadHook | null {
  const delivery = deliveryOf(kind, hook);
  const payload = parse(hook.body);
  if (!DELIVERY.test(delivery) || payload === null) return null;
  const event = kind === 'gitlab' ? readGitlab(hook, payload) : readGithub(kind, hook, payload);
  return { delivery, event };
}

function deliveryOf(kind: GitHostKind, hook: Hook): string {
  if (kind === 'github') return header(hook, 'x-github-delivery');
  if (kind === 'gitea') return header(hook, 'x-gitea-delivery');
  // The same for each attempt; older ones send an id of the event alone.
  return header(hook, 'idempotency-key') || header(hook, 'x-gitlab-event-uuid');
}

/** Gitea's events are like GitHub's, but that a deletion is one of its own. */
function readGithub(kind: 'github' | 'gitea', hook: Hook, payload: unknown): HostEvent | null {
  switch (header(hook, `x-${kind}-event`)) {
    case 'push':
      return refEvent(field(payload, 'ref'));
    case 'delete': {
      const folder = field(payload, 'ref_type') === 'tag' ? 'tags' : 'heads';
      return refEvent(`refs/${folder}/${String(field(payload, 'ref'))}`);
    }
    case 'pull_request': {
      const request = field(payload, 'pull_request');
      const action = field(payload, 'action');
      const isOpen = ['opened', 'reopened', 'synchronize', 'synchronized'].includes(String(action));
      const head = field(request, 'head');
      const isOwn = isSame(id(field(head, 'repo')), id(field(payload, 'repository')));
      return isOpen && isOwn ? requestEvent(field(request, 'number'), field(head, 'ref')) : null;
    }
    default:
      return null;
  }
}

function readGitlab(hook: Hook, payload: unknown): HostEvent | null {
  switch (header(hook, 'x-gitlab-event')) {
    case 'Push Hook':
    case 'Tag Push Hook':
      return refEvent(field(payload, 'ref'));
    case 'Merge Request Hook': {
      const request = field(payload, 'object_attributes');
      const isOpen = ['open', 'reopen', 'update'].includes(String(field(request, 'action')));
      const isOwn = isSame(
        field(request, 'source_project_id'),
        field(request, 'target_project_id'),
      );
      return isOpen && isOwn
        ? requestEvent(field(request, 'iid'), field(request, 'source_branch'))
        : null;
    }
    default:
      return null;
  }
}

function refEvent(ref: unknown): HostEvent | null {
  return isRef(ref) ? { kind: 'ref', ref } : null;
}

function requestEvent(number: unknown, branch: unknown): HostEvent | null {
  const ref = `refs/heads/${String(branch)}`;
  const isNumber = Number.isInteger(number) && Number(number) > 0 && Number(number) <= MAX_REQUEST;
  return isNumber && isRef(ref) ? { kind: 'request', request: Number(number), ref } : null;
}

/** Half a character is none to git, nor to the database. */
function isRef(ref: unknown): ref is string {
  return typeof ref === 'string' && REF.test(ref) && ref.isWellFormed();
}

/** Code of a fork is a stranger's. */
function isSame(one: unknown, other: unknown): boolean {
  return one !== undefined && one !== null && one === other;
}

function id(repository: unknown): unknown {
  return field(repository, 'id');
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString()) as unknown;
  } catch {
    return null;
  }
}
