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

interface Peer {
  name: string;
  socketPath: string;
}

/** Asks control, which also tells of what it needs itself, and the git front. */
export async function readReadiness(
  generation: number,
  peers: { control: Peer; git: Peer },
): Promise<Readiness> {
  const [control, git] = await Promise.all([ask(peers.control), ask(peers.git)]);
  const degraded: string[] = [];
  if (control === null) degraded.push(peers.control.name);
  else degraded.push(...degradedOf(control));
  if (git === null) degraded.push(peers.git.name);
  return { serving: true, generation, degraded };
}

/** The body of any answer, whatever its status: a process whose event loop turns. Null when there is none in time. */
async function ask({ socketPath }: Peer): Promise<string | null> {
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
