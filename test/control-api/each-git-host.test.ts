/** Each host by its own words: test/fixtures/git-hosts has them, with where they were recorded or are documented. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { connectHost, type ConnectedHost } from '../support/connected-host.ts';
import { eventually } from '../support/eventually.ts';
import { ACCESS_TOKEN, type HostCall } from '../support/played-git-host.ts';
import { recordedCalls, recordedComment, recordedStatus } from '../support/recorded-github.ts';

const FIXTURES = resolve(import.meta.dirname, '../fixtures/git-hosts');

const HOSTS = {
  github: {
    events: { push: 'push', request: 'pull_request', deleted: 'push' },
    statuses: '/api/v3/repos/ada/hello/statuses/',
    states: { pending: 'pending', success: 'success', failure: 'failure' },
    label: 'context',
    comments: '/api/v3/repos/ada/hello/issues/4/comments',
    comment: '/api/v3/repos/ada/hello/issues/comments/2001',
    edit: 'PATCH',
  },
  gitlab: {
    events: { push: 'Push Hook', request: 'Merge Request Hook', deleted: 'Push Hook' },
    statuses: '/api/v4/projects/ada%2Fhello/statuses/',
    states: { pending: 'pending', success: 'success', failure: 'failed' },
    label: 'name',
    comments: '/api/v4/projects/ada%2Fhello/merge_requests/4/notes',
    comment: '/api/v4/projects/ada%2Fhello/merge_requests/4/notes/2001',
    edit: 'PUT',
  },
  gitea: {
    events: { push: 'push', request: 'pull_request', deleted: 'delete' },
    statuses: '/api/v1/repos/ada/hello/statuses/',
    states: { pending: 'pending', success: 'success', failure: 'failure' },
    label: 'context',
    comments: '/api/v1/repos/ada/hello/issues/4/comments',
    comment: '/api/v1/repos/ada/hello/issues/comments/2001',
    edit: 'PATCH',
  },
} as const;

type Event = keyof (typeof HOSTS)['github']['events'];

describe.each(['github', 'gitlab', 'gitea'] as const)('%s', (kind) => {
  const words = HOSTS[kind];
  let connected: ConnectedHost;

  beforeAll(async () => {
    connected = await connectHost(kind);
  });
  afterAll(() => connected?.[Symbol.asyncDispose]());
  beforeEach(() => {
    connected.host.calls.length = 0;
    connected.host.answer = documented;
  });

  const fixture = (name: string): string =>
    readFileSync(join(FIXTURES, kind, `${name}.json`), 'utf8');
  const isStatus = ({ path }: HostCall): boolean => path.startsWith(words.statuses);
  /** What the host says when all is well; of GitHub what it has said. */
  const documented = (call: HostCall) => {
    const status = call.method === 'POST' ? 201 : 200;
    if (kind !== 'github') return { status, body: fixture(isStatus(call) ? 'status' : 'comment') };
    const { headers, response } = recordedStatus();
    const { 'content-length': _, ...kept } = headers;
    const comment = { ...recordedComment(), id: 2_001 };
    return { status, headers: kept, body: JSON.stringify(isStatus(call) ? response : comment) };
  };
  const send = async (event: Event, branch: string): Promise<void> => {
    const payload = fixture(event).replaceAll('BRANCH', branch);
    expect(await connected.deliver(words.events[event], payload)).toMatchObject({ status: 202 });
  };
  const commentCalls = (): HostCall[] => connected.host.calls.filter((call) => !isStatus(call));
  const settled = async (sha: string, state: 'success' | 'failure'): Promise<void> => {
    await eventually(() => connected.statesOf(sha).includes(words.states[state]));
  };

  it('is told of a commit: pending, then where it is live', async () => {
    const sha = await connected.commit('topic', 'told');
    await send('push', 'topic');
    await settled(sha, 'success');
    const url = `http://topic--hello.localhost:${connected.platform.port}`;
    expect(connected.host.calls).toEqual([
      {
        method: 'POST',
        path: `${words.statuses}${sha}`,
        token: ACCESS_TOKEN,
        body: { state: 'pending', description: 'building', [words.label]: 'gitfn/hello' },
      },
      {
        method: 'POST',
        path: `${words.statuses}${sha}`,
        token: ACCESS_TOKEN,
        body: {
          state: 'success',
          description: `live at ${url}`,
          target_url: url,
          [words.label]: 'gitfn/hello',
        },
      },
    ]);
  });

  it('is told why a commit is not live', async () => {
    const sha = await connected.commit('broken', '"; no code');
    await send('push', 'broken');
    await settled(sha, 'failure');
    const { description } = connected.host.calls.at(-1)?.body ?? {};
    expect(description).toContain('index.js');
    expect(String(description).length).toBeLessThanOrEqual(140);
  });

  it('has one comment with the URL of the preview, edited by each push and made anew when it was removed', async () => {
    await connected.commit('asked', 'one');
    await send('request', 'asked');
    await eventually(() => commentCalls().length === 1);
    const [made] = commentCalls();
    expect(made).toMatchObject({ method: 'POST', path: words.comments, token: ACCESS_TOKEN });
    expect(Object.keys(made?.body ?? {})).toEqual(['body']);
    expect(made?.body['body']).toContain(
      `http://asked--hello.localhost:${connected.platform.port}`,
    );

    await connected.commit('asked', 'two');
    await send('request', 'asked');
    await eventually(() => commentCalls().length === 2);
    expect(commentCalls()[1]).toMatchObject({ method: words.edit, path: words.comment });

    connected.host.answer = (call) =>
      call.method === words.edit
        ? { status: 404, body: '{"message":"404 Not Found"}' }
        : documented(call);
    await connected.commit('asked', 'three');
    await send('request', 'asked');
    await eventually(() => commentCalls().length === 4);
    expect(commentCalls().map(({ method }) => method)).toEqual([
      'POST',
      words.edit,
      words.edit,
      'POST',
    ]);
  });

  it('in trouble, or asked too much, is asked again when it says so', async () => {
    const times: number[] = [];
    const replies = [
      { status: 503 },
      { status: kind === 'github' ? 403 : 429, headers: { 'retry-after': '1' } },
    ];
    connected.host.answer = (call) => {
      times.push(performance.now());
      return replies.shift() ?? documented(call);
    };
    const sha = await connected.commit('busy', 'busy');
    await send('push', 'busy');
    await settled(sha, 'success');
    expect(connected.statesOf(sha)).toEqual(['pending', 'pending', 'pending', 'success']);
    expect((times[2] ?? 0) - (times[1] ?? 0)).toBeGreaterThanOrEqual(990);
    await eventually(async () => (await connected.shown())?.problem === null);
  });

  it.each([401, 403])(
    'that answers %i undoes nothing, and is shown with what to do',
    async (status) => {
      connected.host.answer = () => ({ status, body: fixture('bad-token') });
      const { message: reason } = JSON.parse(fixture('bad-token')) as { message: string };
      await connected.commit('main', `untold ${status}`);
      await send('push', 'main');
      await eventually(async () => {
        expect((await ask(connected.platform, 'hello')).body).toBe(`untold ${status}`);
        expect(await connected.shown()).toMatchObject({
          problem: `${connected.host.host} answered ${status} when told to set commit statuses: ${reason}`,
          hint: expect.stringContaining('give an access token'),
        });
      });
      expect(connected.host.calls).toHaveLength(2);
    },
  );

  it('whose branch is deleted takes its preview along, and is told of no commit', async () => {
    const sha = await connected.commit('leaving', 'leaving');
    await send('push', 'leaving');
    await settled(sha, 'success');
    connected.host.calls.length = 0;
    await connected.repository.git('push', 'origin', ':refs/heads/leaving');
    await send('deleted', 'leaving');
    await eventually(async () => (await ask(connected.platform, 'leaving--hello')).status === 404);
    expect(connected.host.calls).toEqual([]);
  });

  it('that has the repository elsewhere by now is named with what to do', async () => {
    const moved = recordedCalls('rename-repository').find(({ status }) => status === 307);
    connected.host.answer = () => ({
      status: 307,
      headers: { location: `${connected.host.url}/elsewhere` },
      body: JSON.stringify(moved?.response),
    });
    await connected.commit('moved', 'moved');
    await send('push', 'moved');
    await eventually(async () => {
      expect(await connected.shown()).toMatchObject({
        problem: expect.stringContaining('answered 307'),
        hint: expect.stringContaining('renamed or moved'),
      });
    });
    expect(connected.host.calls.map(({ path }) => path)).not.toContain('/elsewhere');
  });

  if (kind === 'github') {
    it('is told in the form in which it was recorded to be', async () => {
      const sha = await connected.commit('formed', 'formed');
      await send('push', 'formed');
      await settled(sha, 'success');
      const { method, body } = recordedStatus();
      const told = connected.host.calls.at(-1);
      expect(told?.method).toBe(method.toUpperCase());
      expect(Object.keys(told?.body ?? {}).toSorted()).toEqual(Object.keys(body).toSorted());
    });
  }
});
