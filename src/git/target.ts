import { appNameProblem } from '../model/app.ts';
import { Refusal } from './refusal.ts';

export type GitService = 'upload-pack' | 'receive-pack';

/** What is asked for in git's protocol. */
export interface Target {
  appName: string;
  service: GitService;
  /** A session is both, with whatever else client and git have to say: over SSH. */
  kind: 'advertisement' | 'exchange' | 'session';
}

const MAX_TARGET_CHARACTERS = 300;
// One spelling per resource, on the raw request target: no escapes, no dot segments, no absolute form, and a query
// only where the protocol has one. Whatever differs is unknown here, so nothing later parses it in another way.
const TARGET =
  /^\/([a-z0-9-]{1,40})\.git\/(?:info\/refs\?service=git-(upload-pack|receive-pack)|git-(upload-pack|receive-pack))$/;

/** @throws Refusal for all that is not a request of the protocol */
export function parseTarget(method: string | undefined, url: string | undefined): Target {
  const raw = url ?? '';
  const match = raw.length > MAX_TARGET_CHARACTERS ? null : TARGET.exec(raw);
  const appName = match?.[1] ?? '';
  const problem = appNameProblem(appName);
  if (match === null || problem !== null) {
    const why = match === null ? 'the address is https://HOST/APP.git' : problem;
    throw new Refusal(404, `no git repository here: ${why}`);
  }
  const kind = match[2] === undefined ? 'exchange' : 'advertisement';
  const expectedMethod = kind === 'exchange' ? 'POST' : 'GET';
  if (method !== expectedMethod) {
    throw new Refusal(405, `only ${expectedMethod} is answered here`, { allow: expectedMethod });
  }
  return { appName, service: (match[2] ?? match[3]) as GitService, kind };
}
