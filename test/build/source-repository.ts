import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

const FIXTURES = join(import.meta.dirname, '../fixtures/apps');

export interface Source {
  /** Object id of the folder as a git tree. */
  tree: string;
  openArchive: () => Promise<Readable>;
}

/** A fixture as git would deliver it. */
export function fixtureSource(name: string): Source {
  return folderSource(join(FIXTURES, name));
}

/** Any folder, without touching it. */
export function folderSource(folder: string): Source {
  const gitDir = mkdtempSync(join(tmpdir(), 'source-git-'));
  onTestFinished(() => rmSync(gitDir, { recursive: true, force: true }));
  const options = ['--git-dir', gitDir, '--work-tree', folder, '-c', 'core.excludesFile=/dev/null'];
  const git = (...args: string[]): string =>
    execFileSync('git', [...options, ...args], { cwd: folder, encoding: 'utf8' }).trim();
  execFileSync('git', ['init', '-q', '--bare', gitDir]);
  git('add', '-A');
  const tree = git('write-tree');
  return {
    tree,
    openArchive: async () =>
      spawn('git', ['--git-dir', gitDir, 'archive', '--format=tar', tree]).stdout,
  };
}
