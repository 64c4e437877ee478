import { existsSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import type { BuildProblem, ReleaseCommand } from '../protocol/builder.ts';
import { codeFrame } from '../protocol/code-frame.ts';
import type { BuildContext } from './build-context.ts';
import { findEntry, isFile } from './find-entry.ts';

export type ReleaseReading =
  | { kind: 'read'; command: ReleaseCommand | null; warnings: BuildProblem[] }
  | { kind: 'failed'; problems: BuildProblem[] };

const PROCFILE = 'Procfile';
/** No function's code is called so: their names have no "_". */
const RELEASE_FILE = '_release.js';
const SUPPORTED =
  'supported: node path/to/file.js [arguments], or npm run <script> where the script is that';
/** `npm run a` may name `npm run b`; more is a circle. */
const MAX_SCRIPTS = 10;
const MAX_ARGUMENTS = 100;
/** What a shell would read as more than words. */
const SHELL = /[|&;<>()$`\\*?#~=%!{}[\]\n]/;

/** Reads the `release:` line of a Procfile, Heroku's way to run something once before a deployment goes live. */
export function readReleaseCommand({
  folder,
  prefix,
}: Pick<BuildContext, 'folder' | 'prefix'>): ReleaseReading {
  const path = join(folder, PROCFILE);
  if (!isFile(path)) return { kind: 'read', command: null, warnings: [] };
  const source = readFileSync(path, 'utf8');
  const lines = processLines(source);
  const file = normalize(join(prefix, PROCFILE));
  const problemAt = (line: number, message: string, hint?: string): BuildProblem => {
    const place = { line, column: 1 };
    const problem = { message, at: { file, ...place }, frame: codeFrame(source, place) };
    return hint === undefined ? problem : { ...problem, hint };
  };
  const warnings = lines
    .filter(({ type }) => type !== 'release' && type !== 'web')
    .map(({ type, line }) =>
      problemAt(
        line,
        `the process type "${type}" is not started: functions answer requests, and nothing else runs`,
      ),
    );
  const release = lines.find(({ type }) => type === 'release');
  if (release === undefined) return { kind: 'read', command: null, warnings };
  const resolved = resolveCommand(release.command, folder);
  if (typeof resolved === 'string') {
    return { kind: 'failed', problems: [problemAt(release.line, resolved, SUPPORTED)] };
  }
  const command = {
    entry: normalize(join(prefix, resolved.entry)),
    file: RELEASE_FILE,
    args: resolved.args,
  };
  return { kind: 'read', command, warnings };
}

function processLines(source: string): { type: string; command: string; line: number }[] {
  return source.split(/\r\n|\n|\r/).flatMap((text, index) => {
    const [, type, command] = /^([A-Za-z0-9_-]+):\s*(.+?)\s*$/.exec(text) ?? [];
    if (type === undefined || command === undefined) return [];
    return [{ type, command, line: index + 1 }];
  });
}

/** The file and its arguments, or why there is none, in words. */
function resolveCommand(
  command: string,
  folder: string,
): { entry: string; args: string[] } | string {
  let resolved = command;
  const extra: string[] = [];
  for (let count = 0; count < MAX_SCRIPTS; count++) {
    if (SHELL.test(resolved)) return `the release command needs a shell: ${resolved}`;
    const words = splitWords(resolved);
    const script = scriptOf(words);
    if (script === null) return resolveNode(words, extra, folder);
    const next = readScript(folder, script.name);
    if (next === null)
      return `package.json has no script "${script.name}", which the release command runs`;
    extra.unshift(...script.args);
    resolved = next;
  }
  return `the release command leads in a circle: ${command}`;
}

/** `npm run name [-- args]`, also of pnpm, yarn and bun. */
function scriptOf([program, verb, name, ...rest]: string[]): {
  name: string;
  args: string[];
} | null {
  const isRun =
    ['npm', 'pnpm', 'yarn', 'bun'].includes(program ?? '') && /^run(-script)?$/.test(verb ?? '');
  if (!isRun || name === undefined) return null;
  return { name, args: rest[0] === '--' ? rest.slice(1) : rest };
}

function resolveNode(
  [program, file, ...args]: string[],
  extra: string[],
  folder: string,
): { entry: string; args: string[] } | string {
  if (program !== 'node' || file === undefined || file.startsWith('-')) {
    const command = [program, file, ...args].join(' ').trim();
    return `the release command is not supported: ${command}`;
  }
  const search = findEntry(folder, file);
  if (search.kind === 'none') return `the release command names ${file}, ${search.message}`;
  const all = [...args, ...extra];
  if (all.length > MAX_ARGUMENTS)
    return `the release command has more than ${MAX_ARGUMENTS} arguments`;
  return { entry: search.file, args: all };
}

function readScript(folder: string, name: string): string | null {
  const path = join(folder, 'package.json');
  if (!existsSync(path)) return null;
  try {
    const { scripts } = JSON.parse(readFileSync(path, 'utf8')) as { scripts?: unknown };
    const script: unknown =
      typeof scripts === 'object' && scripts !== null && Object.hasOwn(scripts, name)
        ? (scripts as Record<string, unknown>)[name]
        : undefined;
    return typeof script === 'string' ? script : null;
  } catch {
    return null; // Bundling reports what is wrong with package.json.
  }
}

/** Words as a shell splits them, with quotes and without anything else. */
function splitWords(command: string): string[] {
  const words = command.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, '$1$2'));
}
