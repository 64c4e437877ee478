import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { createInterface } from 'node:readline';

const START_DEADLINE_MS = 20_000;

/** Starts a program and resolves with the line in which it says that it is ready. */
export async function startUntilReady(
  command: string,
  parameters: readonly string[],
): Promise<{ child: ChildProcess; line: string }> {
  const child = spawn(command, parameters, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const signal = AbortSignal.timeout(START_DEADLINE_MS);
  for (;;) {
    const [line] = (await once(lines, 'line', { signal })) as [string];
    if (line.startsWith('ready')) return { child, line };
  }
}

export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Resolves when something takes connections there. */
export async function portOpens(port: number): Promise<void> {
  const endsAt = performance.now() + START_DEADLINE_MS;
  while (performance.now() < endsAt) {
    const socket = net.connect(port, '127.0.0.1');
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.on('connect', () => resolve(true));
      socket.on('error', () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nothing listens on port ${port}`);
}

export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}
