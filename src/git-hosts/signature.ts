/**
 * Whether a webhook comes from who knows the secret, over the bytes of its body as they came:
 *
 *     GitHub  X-Hub-Signature-256: sha256=<hex HMAC-SHA256>
 *     Gitea   X-Gitea-Signature: <hex HMAC-SHA256>
 *     GitLab  webhook-signature: v1,<base64 HMAC-SHA256 of "id.timestamp.body"> (Standard Webhooks), where it is signed;
 *             else X-Gitlab-Token: the secret itself
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { GitHostKind } from '../model/git-host.ts';

export type HookHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface Hook {
  headers: HookHeaders;
  body: Buffer;
}

/** How far a signed time may be away (Standard Webhooks): a delivery that was recorded is worth nothing later. */
const TOLERANCE_MS = 5 * 60_000;
const SIGNING_TOKEN = 'whsec_';

export function isSigned(kind: GitHostKind, secret: string, hook: Hook, nowMs: number): boolean {
  switch (kind) {
    case 'github':
      return isSame(header(hook, 'x-hub-signature-256'), `sha256=${hexMac(secret, hook.body)}`);
    case 'gitea':
      return isSame(header(hook, 'x-gitea-signature'), hexMac(secret, hook.body));
    case 'gitlab':
      return header(hook, 'webhook-signature') === ''
        ? isSame(header(hook, 'x-gitlab-token'), secret)
        : isStandardSigned(secret, hook, nowMs);
    default:
      return kind satisfies never;
  }
}

export function header({ headers }: Pick<Hook, 'headers'>, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
}

function isStandardSigned(secret: string, hook: Hook, nowMs: number): boolean {
  const id = header(hook, 'webhook-id');
  const timestamp = header(hook, 'webhook-timestamp');
  const isRecent = Math.abs(Number(timestamp) * 1_000 - nowMs) <= TOLERANCE_MS;
  const key = secret.startsWith(SIGNING_TOKEN)
    ? Buffer.from(secret.slice(SIGNING_TOKEN.length), 'base64')
    : Buffer.from(secret);
  const signed = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(hook.body);
  const expected = `v1,${signed.digest('base64')}`;
  // Several, while the secret is being replaced.
  const given = header(hook, 'webhook-signature').split(' ');
  return given.some((one) => isSame(one, expected)) && id !== '' && isRecent;
}

function hexMac(secret: string, body: Buffer): string {
  return createHmac('sha256', secret).update(body).digest('hex');
}

/** Hashed first, so that not even the length tells anything. */
function isSame(given: string, expected: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(expected)) && given !== '';
}
