import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { requireReadableProject } from '../../../../src/main/supervisor/machine/readable-project.ts';
import { PlatformError } from '../../../../src/protocol/errors.ts';

const NODE = `node_modules/node-linux-${process.arch}/bin/node`;
const FILES = {
  'package.json': 0o644,
  'src/main.ts': 0o644,
  'hooks/pre-receive': 0o755,
  'hooks/engine/git-receive-pack': 0o755,
  'migrations/0001_first.sql': 0o644,
  [NODE]: 0o755,
};

/** Under a home that is closed to others, which does not matter. */
async function clone(): Promise<string> {
  const project = await mkdtemp(join(tmpdir(), 'gitfn-clone-'));
  onTestFinished(() => rm(project, { recursive: true }));
  for (const [path, mode] of Object.entries(FILES)) {
    await mkdir(join(project, dirname(path)), { recursive: true });
    await writeFile(join(project, path), '');
    await chmod(join(project, path), mode);
  }
  return project;
}

function refusal(project: string): PlatformError {
  try {
    requireReadableProject(project);
  } catch (error) {
    if (error instanceof PlatformError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('a clone that other uids shall read', () => {
  it('is taken as git and npm make it', async () => {
    const project = await clone();
    expect(() => requireReadableProject(project)).not.toThrow();
  });

  const closed: [string, number][] = [
    ['package.json', 0o600],
    ['hooks/pre-receive', 0o700],
    ['hooks/engine/git-receive-pack', 0o744],
    ['migrations/0001_first.sql', 0o600],
    [NODE, 0o750],
  ];
  it.each(closed)('is refused when %s has mode %o', async (path, mode) => {
    const project = await clone();
    await chmod(join(project, path), mode);
    expect(refusal(project).message).toContain(join(project, path));
  });

  it('is refused when a folder cannot be passed', async () => {
    const project = await clone();
    await chmod(join(project, 'node_modules'), 0o700);
    expect(refusal(project).message).toContain(NODE);
  });

  it('is mended by the command that the refusal names', async () => {
    const project = await clone();
    await promisify(execFile)('chmod', ['-R', 'go-rwx', project]);
    const command = /run: (.*)$/.exec(refusal(project).hint ?? '')?.[1] ?? '';
    await promisify(execFile)('/bin/sh', ['-c', command]);
    expect(() => requireReadableProject(project)).not.toThrow();
  });
});
