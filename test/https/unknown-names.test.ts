/** Scanners ask for names that nobody has. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { firstMessage } from '../support/client-hello.ts';

const NAMES = 10_000;
const AT_ONCE = 50;
const MAX_GROWTH_BYTES = 20 * 1024 * 1024;
const PROGRAM = join(import.meta.dirname, '../support/https-door-program.ts');
const UNRECOGNIZED_NAME = 112;

/** All that came back until the connection was closed. */
async function say(port: number, bytes: Buffer): Promise<Buffer> {
  const socket = net.connect(port, '127.0.0.1').on('error', () => {});
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(bytes);
  await once(socket, 'close');
  return Buffer.concat(chunks);
}

it('keeps nothing of ten thousand names that it does not serve, and refuses each', async () => {
  const child = fork(PROGRAM, { execArgv: ['--expose-gc'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [port] = (await once(child, 'message')) as [number];
  const memory = async (): Promise<number> => {
    child.send('memory');
    const [bytes] = (await once(child, 'message')) as [number];
    return bytes;
  };
  const placeholder = 'scan-00000.test';
  const hello = await firstMessage(placeholder);
  const at = hello.indexOf(placeholder);
  let next = 0;
  const scan = async (until: number): Promise<void> => {
    while (next < until) {
      const bytes = Buffer.from(hello);
      bytes.write(`scan-${String(next++).padStart(5, '0')}.test`, at);
      const answer = await say(port, bytes);
      expect([answer[0], answer[6]]).toEqual([21, UNRECOGNIZED_NAME]);
    }
  };
  const all = (until: number) => Promise.all(Array.from({ length: AT_ONCE }, () => scan(until)));
  // V8 sizes its young generation by how much is made at a time, whatever it is; by then it has.
  await all(NAMES / 2);
  const before = await memory();
  await all(NAMES / 2 + NAMES);
  expect((await memory()) - before).toBeLessThan(MAX_GROWTH_BYTES);
});
