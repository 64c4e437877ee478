import http from 'node:http';
import { text } from 'node:stream/consumers';

/** A process that is this slow to say how it is counts as away. */
const PROBE_MS = 1_000;

export interface Readiness {
  serving: true;
  generation: number;
  /** What is away; functions run without any of it. */
  degraded: string[];
}

export interface Probed {
  name: string;
  socketPath: string;
}

/** Asks control, which also tells of what it needs itself, the git front, and the other data processes. */
export async function readReadiness(
  generation: number,
  peers: { control: Probed; git: Probed; others: readonly Probed[] },
): Promise<Readiness> {
  const silent = [peers.git, ...peers.others];
  const [control, answers] = await Promise.all([
    ask(peers.control),
    Promise.all(silent.map((peer) => ask(peer))),
  ]);
  const degraded = control === null ? [peers.control.name] : degradedOf(control);
  degraded.push(...silent.filter((_, at) => answers[at] === null).map(({ name }) => name));
  return { serving: true, generation, degraded };
}

/** The body of any answer, whatever its status: a process whose event loop turns. Null when there is none in time. */
async function ask({ socketPath }: Probed): Promise<string | null> {
  const signal = AbortSignal.timeout(PROBE_MS);
  const request = http.get({ socketPath, path: '/readyz', agent: false, signal });
  try {
    return await new Promise<string>((resolve, reject) => {
      request.on('error', reject);
      request.on('response', (response) => void text(response).then(resolve, reject));
    });
  } catch {
    return null; // Away, or too slow: both are what is asked.
  }
}

function degradedOf(answer: string): string[] {
  const { degraded } = JSON.parse(answer) as { degraded?: string[] };
  return degraded ?? [];
}
