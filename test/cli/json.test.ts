import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createContext } from '../../src/cli/command-context.ts';
import { readEnvironment } from '../../src/cli/environment.ts';
import { wholeInstallation } from '../../src/cli/installation.ts';
import { buildProgram, runCli } from '../../src/cli/main.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/json.md'), 'utf8');
const DOCUMENTED = [...PAGE.matchAll(/^\| `fn ([a-z -]+)` \| .+ \|$/gm)].map(([, name]) => name);
/** Of this machine alone; they ask no server. */
const WITHOUT_SERVER = ['completion', 'version'];
const VALUES: Record<string, string> = {
  shell: 'bash',
  'NAME=VALUE...': 'A=b',
  file: join(import.meta.dirname, '../../package.json'),
};

function leavesOf(command: Command, words: string[] = []): { name: string; command: Command }[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .flatMap((child) => {
      const path = [...words, child.name()];
      if (child.commands.length > 0) return leavesOf(child, path);
      return child.name() === 'help' ? [] : [{ name: path.join(' '), command: child }];
    });
}

function unused(): never {
  throw new Error('help asks nobody');
}

const context = createContext({
  environment: readEnvironment({}),
  cwd: tmpdir(),
  credentialHelper: unused,
  input: { isTerminal: false, ask: unused, askHidden: unused, readAll: unused, readBytes: unused },
  output: { line: unused, aside: unused, json: unused, screen: null, waitFor: unused },
  version: '0.0.0',
  signal: new AbortController().signal,
});
const LEAVES = leavesOf(buildProgram(context, wholeInstallation()));

/** What a command line prints, in this very process: there are too many for one each. */
async function runHere(...args: string[]) {
  const sent = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    process[name].setMaxListeners(0);
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      sent[name] += String(text);
      return true;
    });
  }
  const code = await runCli(args, wholeInstallation());
  vi.restoreAllMocks();
  return { code, ...sent };
}

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

describe('every command', () => {
  test('is in docs/json.md, and what is there is a command', () => {
    const commands = new Set(LEAVES.map(({ name }) => name));
    expect(commands).toEqual(new Set(DOCUMENTED));
  });

  test.each(LEAVES)(
    'fn $name says what it does and takes, and takes --json and --yes',
    ({ name, command }) => {
      const help = command.helpInformation();
      expect(help).toContain(`Usage: fn ${name}`);
      expect(command.description()).not.toBe('');
      for (const { description, flags } of command.options) expect(description, flags).not.toBe('');
      for (const argument of command.registeredArguments) {
        if (argument.argChoices === undefined)
          expect(argument.description, argument.name()).not.toBe('');
      }
      expect(command.options.map(({ long }) => long)).toEqual(
        expect.arrayContaining(['--json', '--yes']),
      );
    },
  );

  test.each(LEAVES)(
    'fn $name --json fails in one line of JSON, and with nothing on standard output',
    async ({ name, command }) => {
      if (WITHOUT_SERVER.includes(name)) return;
      vi.stubEnv('FN_SERVER', 'http://localhost:1');
      vi.stubEnv('FN_TOKEN', 'fn_none');
      vi.stubEnv('XDG_CONFIG_HOME', '/nowhere');
      const values = command.registeredArguments
        .filter(({ required }) => required)
        .map((argument) => VALUES[argument.name()] ?? 'x');
      const takes = (option: string): boolean =>
        command.options.some(({ long }) => long === option);
      const file = VALUES['file'] ?? '';
      const failed = await runHere(
        ...name.split(' '),
        ...values,
        '--json',
        ...(takes('--app') ? ['--app', 'x'] : []),
        ...(takes('--token-file') ? ['--token-file', file] : []),
        ...(takes('--key') ? ['--key', file] : []),
      );
      expect(failed.stdout).toBe('');
      expect(failed.code, failed.stderr).toBeGreaterThan(0);
      expect(failed.stderr).toMatch(/^\{.*\}\n$/);
      const { error } = JSON.parse(failed.stderr) as { error: Record<string, string> };
      expect(error).toMatchObject({ code: expect.any(String), message: expect.any(String) });
    },
  );

  test.each(['bash', 'zsh', 'fish'])('fn completion %s --json is one document', async (shell) => {
    const printed = await runHere('completion', shell, '--json');
    expect(printed).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(printed.stdout)).toMatchObject({ shell, script: expect.any(String) });
  });
});
