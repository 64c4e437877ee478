import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmdirSync, utimesSync, writeFileSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { removeAbandoned } from '../../src/sandbox/abandoned-cgroups.ts';
import { removeCgroupFolder } from '../../src/sandbox/cgroup.ts';
import { randomName } from '../../src/std/ids.ts';

const HIERARCHIES = ['/sys/fs/cgroup/cpu', '/sys/fs/cgroup/pids'];
const HAS_CGROUPS = process.getuid?.() === 0 && HIERARCHIES.every((path) => existsSync(path));
const LONG_AGO = new Date(Date.now() - 3_600_000);

const name = (letter: string): string => `gitfn-${letter.repeat(10)}`;

/** Cgroups of this test alone, with those of an instance in both hierarchies. */
function makeInstances(...names: string[]): string[] {
  const parents = HIERARCHIES.map((path) => `${path}/test-${randomName(8)}`);
  for (const parent of parents) {
    mkdirSync(parent);
    for (const one of names) {
      mkdirSync(`${parent}/${one}/sandboxes/slot`, { recursive: true });
      utimesSync(`${parent}/${one}`, LONG_AGO, LONG_AGO);
    }
  }
  onTestFinished(async () => {
    for (const parent of parents) {
      for (const one of names) {
        for (const part of ['/sandboxes/slot', '/sandboxes', '']) {
          await removeCgroupFolder(`${parent}/${one}${part}`);
        }
      }
      rmdirSync(parent);
    }
  });
  return parents;
}

it.runIf(HAS_CGROUPS)('removes what no process is in, and nothing that is young or in use', () => {
  const [gone, own, young, used] = [name('a'), name('b'), name('c'), name('d')];
  const parents = makeInstances(gone, own, young, used, 'gitfn-doctor-x');
  const [processor = '', ...others] = parents;
  const sleeper = spawn('sleep', ['60'], { stdio: 'ignore' });
  onTestFinished(() => void sleeper.kill());
  // Of a server that has no function at the moment: it is in one hierarchy only.
  writeFileSync(`${parents[0]}/${used}/sandboxes/cgroup.procs`, String(sleeper.pid));
  const now = new Date();
  for (const parent of parents) utimesSync(`${parent}/${young}`, now, now);
  removeAbandoned({ processor, others }, own, Date.now());
  for (const parent of parents) {
    const left = [gone, own, young, used, 'gitfn-doctor-x'].filter((one) =>
      existsSync(`${parent}/${one}`),
    );
    expect(left).toEqual([own, young, used, 'gitfn-doctor-x']);
  }
});
