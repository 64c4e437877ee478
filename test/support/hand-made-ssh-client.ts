import { readFile } from 'node:fs/promises';
import type { Duplex, Readable } from 'node:stream';
import ssh2 from 'ssh2';
import type { SshIdentity } from './ssh-client.ts';

/** A client that does what OpenSSH's never would: parts that it keeps to itself are used. */
export interface HandMadeClient {
  connect(options: object): void;
  on(event: 'ready' | 'close' | 'error', listener: () => void): this;
  exec(command: string, done: Done<HandMadeStream>): void;
  exec(command: string, options: { x11?: true; agentForward?: true }, done: Done): void;
  subsys(name: string, done: Done): void;
  /** Asks for the variables first. */
  sftp(variables: Record<string, string>, done: Done): void;
  openssh_forwardInStreamLocal(path: string, done: Done): void;
  openssh_forwardOutStreamLocal(path: string, done: Done): void;
  end(): void;
  _protocol: { session(channel: number, window: number, packetBytes: number): void };
}

type Done<Result = unknown> = (error: Error | undefined, result: Result) => void;

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
  client.connect({
    host: '127.0.0.1',
    port,
    username: 'git',
    privateKey: await readFile(identity.file),
    // There is none; it may be offered all the same.
    agent: '/nonexistent',
    // What OpenSSH alone knows is asked of others, too.
    strictVendor: false,
  });
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
