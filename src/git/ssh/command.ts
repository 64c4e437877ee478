import { appNameProblem } from '../../model/app.ts';
import { Refusal } from '../refusal.ts';
import type { GitService, Target } from '../target.ts';

const MAX_COMMAND_CHARACTERS = 100;
// One spelling, that of git's clients: the service, and the path in single quotes without anything that would need
// more of them. `ssh://HOST:PORT/APP` makes '/APP' of it, `HOST:APP` makes 'APP'. No shell ever sees it.
const COMMAND = /^git[ -](upload-pack|receive-pack) '\/?([a-z0-9-]{1,40})(?:\.git)?\/?'$/;

/** What a client asks to have run. @throws Refusal for all that is neither push nor fetch */
export function parseCommand(command: string): Target {
  const match = command.length > MAX_COMMAND_CHARACTERS ? null : COMMAND.exec(command);
  const appName = match?.[2] ?? '';
  const problem = match === null ? null : appNameProblem(appName);
  if (match === null) {
    throw new Refusal(
      400,
      'only git push and git fetch are answered here\nthe address is ssh://git@HOST:PORT/APP',
    );
  }
  if (problem !== null) throw new Refusal(404, `no git repository here: ${problem}`);
  return { appName, service: match[1] as GitService, kind: 'session' };
}
