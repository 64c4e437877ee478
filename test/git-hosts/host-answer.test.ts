/** Each host's way to refuse, in the shape in which it was recorded; README.md of the fixtures says where. */
import { describe, expect, it } from 'vitest';
import { isTrouble, reasonOf, waitMsOf, type HostAnswer } from '../../src/git-hosts/host-answer.ts';
import { recordedCalls } from '../support/recorded-github.ts';

const NOW_MS = Date.parse('2026-01-05T10:00:00Z');

const answer = (
  status: number,
  body: object | string,
  headers: Record<string, string> = {},
): HostAnswer => ({
  status,
  text: typeof body === 'string' ? body : JSON.stringify(body),
  headers,
});

/** The first refusal in a recorded scenario. */
function recorded(scenario: string, status: number): HostAnswer {
  const call = recordedCalls(scenario).find((one) => one.status === status);
  if (call === undefined) throw new Error(`${scenario} has no ${status}`);
  return answer(status, call.response, call.headers);
}

describe('is asked again', () => {
  const limit = { message: 'You have exceeded a secondary rate limit. Please wait.' };
  const spent = (at: number) => ({
    'x-ratelimit-remaining': '0',
    'x-ratelimit-reset': String(NOW_MS / 1_000 + at),
  });

  it.each([
    ['GitHub: no requests left', answer(403, { message: 'x' }, spent(90)), 90_000],
    ['GitHub: none left for long', answer(429, { message: 'x' }, spent(9_000)), 3_600_000],
    ['GitHub: none left until just now', answer(403, { message: 'x' }, spent(-5)), 0],
    ['GitHub: limit, with a time', answer(403, limit, { 'retry-after': '60' }), 60_000],
    ['GitHub: limit, without', answer(403, limit, { 'x-ratelimit-remaining': '42' }), 60_000],
    [
      'GitHub: of old',
      answer(403, { message: 'You have triggered an abuse detection mechanism.' }),
      60_000,
    ],
    ['GitLab: limit', answer(429, 'Retry later\n', { 'retry-after': '7' }), 7_000],
    ['by a date', answer(503, '', { 'retry-after': 'Mon, 05 Jan 2026 10:00:30 GMT' }), 30_000],
    ['by no date', answer(503, '', { 'retry-after': 'soon' }), 60_000],
    ['in trouble', answer(502, '<html>Bad gateway</html>'), null],
  ] as const)('%s', (_name, given, waitMs) => {
    expect(isTrouble(given)).toBe(true);
    expect(waitMsOf(given, NOW_MS)).toBe(waitMs);
  });
});

describe('has its last word', () => {
  it.each([
    ['GitHub: 422', recorded('errors', 422), 'Validation Failed (color: invalid)'],
    ['GitHub: 404', recorded('branch-protection', 404), 'Branch not protected'],
    ['GitHub: renamed', recorded('rename-repository', 307), 'Moved Permanently'],
    [
      'GitHub: no rights',
      answer(
        403,
        { message: 'Must have push access', documentation_url: 'x' },
        { 'x-ratelimit-remaining': '4980' },
      ),
      'Must have push access',
    ],
    ['GitLab: 401', answer(401, { message: '401 Unauthorized' }), '401 Unauthorized'],
    ['GitLab: 403', answer(403, { message: '403 Forbidden' }), '403 Forbidden'],
    [
      'GitLab: scope',
      answer(403, {
        error: 'insufficient_scope',
        error_description: 'The request requires higher privileges.',
        scope: 'api',
      }),
      'The request requires higher privileges.',
    ],
    [
      'GitLab: by field',
      answer(400, { message: { target_url: ['is blocked'] } }),
      '{"target_url":["is blocked"]}',
    ],
    ['Gitea: 401', answer(401, { message: 'token is required', url: 'x' }), 'token is required'],
    [
      'Gitea: 403',
      answer(403, { message: 'token lacks scope(s): [write:repository]', url: 'x' }),
      'token lacks scope(s): [write:repository]',
    ],
    [
      'Gitea: 404',
      answer(404, { message: 'GetUserByName', url: 'x', errors: ['no such user [name: ada]'] }),
      'GetUserByName (no such user [name: ada])',
    ],
    ['a page between', answer(403, '<html><h1>Forbidden</h1></html>'), ''],
    ['a terminal', answer(400, { message: 'a\u001b[2Jb\nc' }), 'abc'],
    ['much', answer(400, { message: 'x'.repeat(300) }), `${'x'.repeat(199)}…`],
    ['odd bodies', answer(400, '[null]'), ''],
    ['null', answer(400, { message: null, error: 'bad' }), 'bad'],
  ] as const)('%s', (_name, given, reason) => {
    expect(isTrouble(given)).toBe(false);
    expect(reasonOf(given)).toBe(reason);
  });
});
