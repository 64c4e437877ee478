import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { buildSource, type BuildOutput } from '../../src/builder/build-source.ts';
import type { BuildInputs, BuildProblem, BuildResult } from '../../src/protocol/builder.ts';
import { DEFAULTS, MAXIMA } from '../build/build-harness.ts';

type Files = Record<string, string>;
type Built = Extract<BuildResult, { kind: 'built' }>;

/** An unpacked repository on disk, which the builder's own functions work on. */
export class SourceFolder {
  readonly root: string;

  constructor(files: Files) {
    this.root = realpathSync(mkdtempSync(join(tmpdir(), 'source-folder-')));
    onTestFinished(() => rmSync(this.root, { recursive: true, force: true }));
    this.write(files);
  }

  write(files: Files): void {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.root, path)), { recursive: true });
      writeFileSync(join(this.root, path), text);
    }
  }

  has(path: string): boolean {
    return existsSync(join(this.root, path));
  }

  remove(path: string): void {
    rmSync(join(this.root, path), { recursive: true });
  }

  async run(
    previous: BuildInputs | null = null,
    links: string[] = [],
  ): Promise<BuildOutput & { lines: string[] }> {
    const lines: string[] = [];
    const start = { appName: 'demo', defaults: DEFAULTS, maxima: MAXIMA, previous };
    const surroundings = { report: (line: string) => void lines.push(line), services: null };
    const output = await buildSource({ root: this.root, links }, start, surroundings);
    return { ...output, lines };
  }

  async build(previous: BuildInputs | null = null, links: string[] = []): Promise<Built> {
    const { result } = await this.run(previous, links);
    if (result.kind === 'failed') throw new Error(JSON.stringify(result.problems));
    return result;
  }
}

export async function problemsOf(files: Files): Promise<BuildProblem[]> {
  const { result } = await new SourceFolder(files).run();
  return result.kind === 'failed' ? result.problems : [];
}
