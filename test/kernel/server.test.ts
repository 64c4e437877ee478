/** A whole server where version 2 holds what it runs: as root, and as an ordinary user with a part handed over. */
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { startPlatform } from '../support/platform.ts';
import { createRepository } from '../support/repository.ts';

const USER = 1_501;
const UNIT = '/sys/fs/cgroup/gitfn.service';

function delegatedUnit(): void {
  mkdirSync(UNIT);
  writeFileSync('/sys/fs/cgroup/cgroup.subtree_control', '+cpu +memory +pids');
  for (const file of ['', '/cgroup.procs', '/cgroup.subtree_control', '/cgroup.threads']) {
    chownSync(UNIT + file, USER, USER);
  }
}

const INTO_UNIT = ['sh', '-c', `echo $$ > ${UNIT}/cgroup.procs; exec "$@"`, 'sh'];

describe.each(['root', 'an ordinary user'])('a server of %s', (who) => {
  it('has its functions held by the kernel, and told that memory was what ended one', async () => {
    if (who !== 'root') delegatedUnit();
    const asUser = {
      asUid: USER,
      network: { enter: INTO_UNIT, relay: (port: number) => Promise.resolve(port) },
    };
    await using platform = await startPlatform({
      env: { FN_EGRESS: 'none', TMPDIR: tmpdir() },
      startDeadlineMs: 240_000,
      ...(who !== 'root' && asUser),
    });
    const readiness = await ask(platform, '', { path: '/readyz' });
    const on = ['memory-limit', 'process-limit', 'cpu-share', 'cpu-limit', 'no-swap'];
    expect(JSON.parse(readiness.body)).toMatchObject({
      protections: Object.fromEntries(on.map((name) => [name, 'on'])),
    });
    const repository = await createRepository(platform, 'greedy');
    await repository.commit({
      'fn.json': '{ "memory": 128 }',
      'index.js': `const held = [];
        export const handler = async (event) => {
          if (event.rawPath === '/') return 'served';
          for (;;) held.push(Buffer.alloc(4 << 20, 1));
        };`,
    });
    const pushed = await repository.push('main');
    expect(pushed.code, pushed.output).toBe(0);
    expect(await ask(platform, 'greedy')).toMatchObject({ status: 200, body: 'served' });
    expect(await ask(platform, 'greedy', { path: '/eat' })).toMatchObject({
      status: 502,
      body: expect.stringContaining('out of memory'),
    });
    expect(await ask(platform, 'greedy')).toMatchObject({ status: 200, body: 'served' });
  });
});
