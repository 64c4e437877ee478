import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readHook } from '../../src/git-hosts/read-event.ts';
import { isSigned } from '../../src/git-hosts/signature.ts';

const SECRET = 'a-secret-of-the-webhook';
const NOW_MS = 1_700_000_000_000;
const body = Buffer.from('{"ref":"refs/heads/main"}');
const hex = (secret: string) => createHmac('sha256', secret).update(body).digest('hex');

describe('a webhook is believed', () => {
  /** GitHub's documentation gives this example. */
  it('from GitHub, by its own example', () => {
    const hook = {
      headers: {
        'x-hub-signature-256':
          'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
      },
      body: Buffer.from('Hello, World!'),
    };
    expect(isSigned('github', "It's a Secret to Everybody", hook, NOW_MS)).toBe(true);
  });

  it.each([
    ['github', { 'x-hub-signature-256': `sha256=${hex(SECRET)}` }],
    ['gitea', { 'x-gitea-signature': hex(SECRET) }],
    ['gitlab', { 'x-gitlab-token': SECRET }],
  ] as const)('from %s with its secret, and with no other', (kind, headers) => {
    expect(isSigned(kind, SECRET, { headers, body }, NOW_MS)).toBe(true);
    expect(isSigned(kind, `${SECRET}x`, { headers, body }, NOW_MS)).toBe(false);
    expect(isSigned(kind, SECRET, { headers: {}, body }, NOW_MS)).toBe(false);
    if (kind === 'gitlab') return;
    const other = Buffer.from('{"ref":"refs/heads/evil"}');
    expect(isSigned(kind, SECRET, { headers, body: other }, NOW_MS)).toBe(false);
  });

  it('from GitLab when it signs, at the time that it names', () => {
    const key = Buffer.from('0123456789abcdef0123456789abcdef');
    const token = `whsec_${key.toString('base64')}`;
    const at = String(NOW_MS / 1_000);
    const mac = createHmac('sha256', key).update(`id-1.${at}.`).update(body).digest('base64');
    const signed = { 'webhook-id': 'id-1', 'webhook-timestamp': at };
    const headers = { ...signed, 'webhook-signature': `v1,other v1,${mac}` };
    expect(isSigned('gitlab', token, { headers, body }, NOW_MS)).toBe(true);
    expect(isSigned('gitlab', token, { headers, body }, NOW_MS + 6 * 60_000)).toBe(false);
    const other = { ...headers, 'webhook-id': 'id-2' };
    expect(isSigned('gitlab', token, { headers: other, body }, NOW_MS)).toBe(false);
    // What is signed wrongly is not saved by a token in clear.
    const both = { ...headers, 'webhook-signature': 'v1,x', 'x-gitlab-token': token };
    expect(isSigned('gitlab', token, { headers: both, body }, NOW_MS)).toBe(false);
  });
});

describe('of what hosts tell', () => {
  const repository = { id: 7, full_name: 'ada/hello' };
  const pull = (action: string, head: object) => ({
    action,
    number: 4,
    pull_request: { number: 4, head },
    repository,
  });
  const merge = (action: string, source: number) => ({
    object_kind: 'merge_request',
    object_attributes: {
      iid: 4,
      action,
      source_branch: 'new',
      source_project_id: source,
      target_project_id: 7,
    },
  });
  const MAIN = { kind: 'ref', ref: 'refs/heads/main' };
  const REQUEST = { kind: 'request', request: 4, ref: 'refs/heads/new' };

  it.each([
    ['github', 'push', { ref: 'refs/heads/main', after: 'x', repository }, MAIN],
    ['github', 'push', { ref: 'refs/heads/main', deleted: true, repository }, MAIN],
    ['github', 'push', { ref: 'refs/notes/x' }, null],
    ['github', 'push', { ref: 'refs/heads/a b' }, null],
    ['github', 'push', { ref: 7 }, null],
    ['github', 'ping', { zen: '…' }, null],
    ['github', 'pull_request', pull('opened', { ref: 'new', repo: { id: 7 } }), REQUEST],
    ['github', 'pull_request', pull('opened', { ref: 'new', repo: { id: 8 } }), null],
    ['github', 'pull_request', pull('opened', { ref: 'new', repo: null }), null],
    ['github', 'pull_request', pull('labeled', { ref: 'new', repo: { id: 7 } }), null],
    ['gitea', 'push', { ref: 'refs/heads/main' }, MAIN],
    ['gitea', 'delete', { ref: 'main', ref_type: 'branch' }, MAIN],
    ['gitea', 'delete', { ref: 'v1', ref_type: 'tag' }, { kind: 'ref', ref: 'refs/tags/v1' }],
    ['gitea', 'pull_request', pull('synchronized', { ref: 'new', repo: { id: 7 } }), REQUEST],
    ['gitlab', 'Push Hook', { ref: 'refs/heads/main' }, MAIN],
    ['gitlab', 'Tag Push Hook', { ref: 'refs/tags/v1' }, { kind: 'ref', ref: 'refs/tags/v1' }],
    ['gitlab', 'Merge Request Hook', merge('open', 7), REQUEST],
    ['gitlab', 'Merge Request Hook', merge('open', 8), null],
    ['gitlab', 'Merge Request Hook', merge('approved', 7), null],
    ['gitlab', 'Note Hook', {}, null],
  ] as const)('%s: %s', (kind, event, payload, expected) => {
    const headers = {
      [`x-${kind}-event`]: event,
      [`x-${kind}-delivery`]: 'd-1',
      'idempotency-key': 'd-1',
    };
    const hook = { headers, body: Buffer.from(JSON.stringify(payload)) };
    expect(readHook(kind, hook)).toEqual({ delivery: 'd-1', event: expected });
  });

  it('nothing is made of a body that is no JSON, or of no delivery', () => {
    const headers = { 'x-github-event': 'push', 'x-github-delivery': 'd-1' };
    expect(readHook('github', { headers, body: Buffer.from('payload=%7B') })).toBeNull();
    expect(readHook('github', { headers: { 'x-github-event': 'push' }, body })).toBeNull();
  });
});
