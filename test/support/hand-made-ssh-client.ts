import { readFile } from 'node:fs/promises';
import type { Duplex, Readable } from 'node:stream';
import ssh2 from 'ssh2';
import type { SshIdentity } from './ssh-client.ts';

/** A client that does what OpenSSH's never would: parts that it keeps to itself are used. */
export interface HandMadeClient {
  connect(options: { host: string; port: number; username: string; privateKey: Buffer }): void;
  on(event: 'ready' | 'close' | 'error', listener: () => void): this;
  exec(command: string, done: (error: Error | undefined, stream: HandMadeStream) => void): void;
  end(): void;
  _protocol: { session(channel: number, window: number, packetBytes: number): void };
}

export interface HandMadeStream extends Duplex {
  outgoing: { window: number };
  stderr: Readable;
}

export async function connectByHand(
  port: number,
  identity: SshIdentity,
): Promise<{ client: HandMadeClient; isClosed: Promise<void> }> {
  const { Client } = ssh2 as unknown as { Client: new () => HandMadeClient };
  const client = new Client();
  const ready = Promise.withResolvers<void>();
  const closing = Promise.withResolvers<void>();
  client.on('ready', ready.resolve).on('close', closing.resolve).on('error', closing.resolve);
  const privateKey = await readFile(identity.file);
  client.connect({ host: '127.0.0.1', port, username: 'git', privateKey });
  await ready.promise;
  return { client, isClosed: closing.promise };
}

export function execByHand(client: HandMadeClient, command: string): Promise<HandMadeStream> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, stream) =>
      error === undefined ? resolve(stream) : reject(error),
    );
  });
}
