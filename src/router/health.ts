import http from 'node:http';
import { text } from 'node:stream/consumers';

/** A process that is this slow to say how it is counts as away. */
const PROBE_MS = 1_000;

export interface Readiness {
  serving: true;
  generation: number;
  /** What is away; functions run without any of it. */
  degraded: string[];
  /** What somebody should look after, though all is served: certificates that end, domains that lead elsewhere. */
  warnings: string[];
}

export interface Probed {
  name: string;
  socketPath: string;
}

/**
 * Asks control, which also tells of what it needs itself, the git front, and the other data processes.
 * @param headers what control shall know of who wants to know: it tells more to a token
 */
export async function readReadiness(
  generation: number,
  peers: { control: Probed; git: Probed; others: readonly Probed[] },
  headers: Record<string, string>,
): Promise<Readiness> {
  const silent = [peers.git, ...peers.others];
  const [control, answers] = await Promise.all([
    ask(peers.control, headers),
    Promise.all(silent.map((peer) => ask(peer))),
  ]);
  const { degraded, warnings } = told(control) ?? { degraded: [peers.control.name], warnings: [] };
  degraded.push(...silent.filter((_, at) => answers[at] === null).map(({ name }) => name));
  return { serving: true, generation, degraded, warnings };
}

/** The body of any answer, whatever its status: a process whose event loop turns. Null when there is none in time. */
async function ask({ socketPath }: Probed, headers = {}): Promise<string | null> {
  const signal = AbortSignal.timeout(PROBE_MS);
  const request = http.get({ socketPath, path: '/readyz', headers, agent: false, signal });
  try {
    return await new Promise<string>((resolve, reject) => {
      request.on('error', reject);
      request.on('response', (response) => void text(response).then(resolve, reject));
    });
  } catch {
    return null; // Away, or too slow: both are what is asked.
  }
}

type Told = Pick<Readiness, 'degraded' | 'warnings'>;

/** Null where it told nothing that can be read: it has failed. */
function told(answer: string | null): Told | null {
  try {
    const { degraded, warnings } = JSON.parse(answer ?? '') as Partial<Told>;
    return Array.isArray(degraded) && Array.isArray(warnings) ? { degraded, warnings } : null;
  } catch {
    return null;
  }
}
