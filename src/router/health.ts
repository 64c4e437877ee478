import net from 'node:net';

const PROBE_MS = 500;

export interface Readiness {
  serving: true;
  generation: number;
  /** What is away; functions run without any of it. */
  degraded: string[];
}

/** Whether each of the other processes takes connections. */
export async function readReadiness(
  generation: number,
  peers: readonly { name: string; socketPath: string }[],
): Promise<Readiness> {
  const answers = await Promise.all(peers.map(({ socketPath }) => isListening(socketPath)));
  const degraded = peers.filter((_, index) => answers[index] === false).map(({ name }) => name);
  return { serving: true, generation, degraded };
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(path);
    const settle = (result: boolean): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(PROBE_MS, () => settle(false));
    socket.on('connect', () => settle(true));
    socket.on('error', () => settle(false));
  });
}
