/**
 * The engine of SSH: git's own services, started here. A push is what it is over HTTP, refs first and then the rest to a
 * process of its own, so that its head is checked before git sees it, and the app is made only when there is one; the
 * client can't tell. A fetch is one conversation with one process.
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { EngineExchange, EngineRun, GitEngine } from './engine.ts';
import { adoptProcess } from './engine-process.ts';
import type { GitEnvironment } from './git-environment.ts';
import type { LogPort } from './ports.ts';
import { endProcessGroup } from './process-group.ts';
import { busy } from './refusal.ts';
import type { GitService } from './target.ts';

interface Deps {
  environment: GitEnvironment;
  log: LogPort;
}

export function createDirectEngine(
  { environment, log }: Deps,
  { graceMs }: { graceMs: number },
): GitEngine {
  function start(
    service: GitService,
    options: string[],
    repository: string,
  ): ChildProcessWithoutNullStreams {
    // By its name on the PATH: hooks/engine gives it bounds and a process group.
    const child = spawn(`git-${service}`, [...options, repository], { cwd: '/', env: environment });
    child.on('error', () => {}); // Of a process that was not started; without a listener it would end this one.
    if (child.pid === undefined) throw busy('git could not be started now');
    adoptProcess(service, child, log);
    return child;
  }

  return {
    advertise(service, repository) {
      const child = start(service, ['--stateless-rpc', '--advertise-refs'], repository);
      child.stdin.end();
      child.stdout.on('close', () => endProcessGroup(child, graceMs));
      return child.stdout;
    },
    run(exchange: EngineExchange): EngineRun {
      const { service, repository, opening, body } = exchange;
      const options = service === 'receive-pack' ? ['--stateless-rpc'] : ['--strict'];
      const child = start(service, options, repository);
      exchange.onProcess(child);
      child.stdin.write(opening);
      feed(body, child);
      return {
        output: child.stdout,
        abort() {
          body.unpipe(child.stdin);
          child.stdin.end();
          endProcessGroup(child, graceMs);
        },
      };
    },
  };
}

/** Git may stop reading early: what the client still sends is then thrown away. */
function feed(body: Readable, { stdin }: ChildProcessWithoutNullStreams): void {
  stdin.on('close', () => {
    body.unpipe(stdin);
    body.resume();
  });
  body.on('error', () => stdin.end());
  if (body.errored !== null) stdin.end();
  else body.pipe(stdin);
}
