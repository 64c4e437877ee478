/**
 * No sandbox at all: the program is a process like any other, under the uid of its slot when the server is root, with
 * its resource limits and, where there is one, its cgroup. It sees the machine's files, processes and network.
 *
 * What a sandbox would show it at a place of its own are symbolic links in a folder made for it, and the paths in its
 * command and settings begin with that folder: `/code` is `<folder>/code`. Its temporary files lie there too, and go
 * with it.
 */
import { execFile } from 'node:child_process';
import { chownSync, mkdirSync, symlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { ARGUMENTS_FD, FILTER_FD } from './bubblewrap-arguments.ts';
import type { Enclosed, Enclosure } from './enclosure.ts';
import { killCgroup } from './kill-sandbox.ts';
import { removeTreeSync } from '../std/remove-tree.ts';
import type { SandboxProgram, SandboxTools } from './ports.ts';
import { treeOf } from './process-memory.ts';

interface PlainOptions {
  tools: Pick<SandboxTools, 'sh' | 'setpriv'>;
  /** Where the folders are made. */
  dir: string;
  /** The same folder, where every uid can reach it. */
  visibleDir: string;
}

/** As bubblewrap would, it starts when it is told to, and hands on none of the descriptors that it is told by. */
const WAIT_AND_EXEC = `unset PWD OLDPWD; read -r go <&${ARGUMENTS_FD} || exit 125; exec ${ARGUMENTS_FD}<&- ${FILTER_FD}<&-; exec "$@"`;
/** More than any sandbox may have: looking for them ends there. */
const MAX_TREE = 4_096;

export function plainEnclosure({ tools, dir, visibleDir }: PlainOptions): Enclosure {
  const withServer = [tools.setpriv, '--pdeathsig', 'KILL', '--'];
  const waiting = [tools.sh, '-c', WAIT_AND_EXEC, 'process'];
  return {
    enclose: ({ name, program, uid }): Enclosed => {
      const folder = `${dir}/plain-${name}`;
      makeFolder(folder, program, uid);
      const below = (word: string): string =>
        word.startsWith('/') ? `${visibleDir}/plain-${name}${word}` : word;
      const settings = Object.entries(program.environment);
      return {
        command: [...withServer, ...waiting, ...program.command.map(below)],
        environment: {
          ...Object.fromEntries(settings.map(([key, value]) => [key, below(value)])),
          TMPDIR: below('/tmp'),
        },
        input: { arguments: '\n', filter: Buffer.alloc(0) },
        kill: ({ pid }, cgroup) => {
          for (const each of treeOf(pid, MAX_TREE)) end(each);
          killCgroup(cgroup);
        },
        close: async (pid) => {
          // The group that it led.
          if (pid !== undefined) end(-pid);
          if (uid !== null) await endAllOf(tools, uid);
          await rm(folder, { recursive: true, force: true }).catch(() => removeTreeSync(folder));
        },
      };
    },
  };
}

function makeFolder(folder: string, { files }: SandboxProgram, uid: number | null): void {
  mkdirSync(folder, { mode: 0o755 });
  mkdirSync(`${folder}/tmp`, { mode: 0o700 });
  if (uid !== null) chownSync(`${folder}/tmp`, uid, uid);
  for (const [inside, outside] of Object.entries(files)) {
    // What is the machine's own is found where it is.
    if (inside === outside) continue;
    mkdirSync(dirname(folder + inside), { recursive: true, mode: 0o755 });
    symlinkSync(outside, folder + inside);
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended, or its group is empty.
  }
}

/** For a process, -1 is every other one that it may signal: those of its own uid. */
async function endAllOf({ setpriv, sh }: PlainOptions['tools'], uid: number): Promise<void> {
  const id = String(uid);
  const asUid = ['--reuid', id, '--regid', id, '--clear-groups', '--no-new-privs', '--'];
  // Fails when there was none left.
  await promisify(execFile)(setpriv, [...asUid, sh, '-c', 'kill -KILL -1'], { env: {} }).catch(
    () => {},
  );
}
