import type { ChildProcess } from 'node:child_process';
import { printable } from '../std/printable.ts';
import type { LogPort } from './ports.ts';
import type { GitService } from './target.ts';

/** Of git's error output, for the log. */
const STDERR_BYTES = 2048;

/** Listens to all that would end this process unheard, and empties what would stop git when full. */
export function adoptProcess(service: GitService, child: ChildProcess, log: LogPort): void {
  let stderr = '';
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.on('error', () => {});
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString('latin1')).slice(-STDERR_BYTES);
  });
  child.on('close', (code) => {
    if (code !== 0)
      log.info({ service, code, stderr: printable(stderr) }, 'git ended with an error');
  });
}
