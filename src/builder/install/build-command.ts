import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildProblem } from '../../protocol/builder.ts';
import type { BuilderServices } from './builder-services.ts';
import { runScriptCommand } from './client-commands.ts';
import type { ClientName } from './detect-client.ts';
import { diskProblem, memoryProblem, tailOf } from './explain-failure.ts';
import type { PackageJson } from './package-json.ts';
import { problem } from './problem.ts';
import { runCommand, wasKilled } from './run-command.ts';

/** What turns the source into what is deployed. */
export interface BuildPlan {
  title: string;
  /** For `sh -c`; null runs package.json's build script. */
  shell: string | null;
}

const MAX_STREAMED_LINES = 400;

/**
 * fn.json's command; or package.json's build script where `main` names a file that is not there, which is how a
 * package says that it is built first. Null when there is nothing to build.
 */
export function planBuild(
  folder: string,
  { command, app }: { command: string | null; app: PackageJson | null },
): BuildPlan | null {
  if (command !== null) return { title: command, shell: command };
  if (app?.main === undefined || app.scripts['build'] === undefined) return null;
  const isThere = ['', '.js', '.json', '/index.js'].some((ending) =>
    existsSync(join(folder, app.main + ending)),
  );
  return isThere ? null : { title: 'the build script of package.json', shell: null };
}

interface BuildRun {
  plan: BuildPlan;
  client: ClientName;
  cwd: string;
  environment: Readonly<Record<string, string>>;
  diskMib: number;
  memoryMib: number;
  services: BuilderServices;
  report: (line: string) => void;
}

/** Null when it went well. */
export async function runBuild(run: BuildRun): Promise<BuildProblem | null> {
  const { plan, client, cwd, environment, report, services } = run;
  const { title, command } =
    plan.shell === null
      ? runScriptCommand(client, 'build')
      : { title: plan.title, command: ['/bin/sh', '-c', plan.shell] };
  report(plan.shell === null ? `main is built first: ${title}` : `Running ${title}`);
  let printed = 0;
  const end = await runCommand(
    { title, command, cwd, environment },
    {
      report,
      tellActivity: services.tellActivity,
      onLine: (line) => {
        printed += 1;
        if (printed <= MAX_STREAMED_LINES) report(line);
        if (printed === MAX_STREAMED_LINES) report('further lines are left out');
      },
    },
  );
  if (end.code === 0) return null;
  if (wasKilled(end)) return memoryProblem(title, run.memoryMib);
  if (end.tail.some((line) => /ENOSPC|no space left on device/i.test(line))) {
    return diskProblem(title, run.diskMib);
  }
  const how = end.signal === null ? `exit code ${end.code}` : `signal ${end.signal}`;
  // Whoever waits has seen the lines, but for those that were left out.
  const lines = printed > MAX_STREAMED_LINES ? tailOf(end) : [];
  return problem(`${title} failed (${how})`, { lines });
}
