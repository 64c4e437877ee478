import net from 'node:net';
import { eventually } from './eventually.ts';

/** A connection that sends bytes as they are and keeps all that comes back. */
export class RawConnection {
  readonly socket: net.Socket;
  received = '';
  isClosed = false;

  constructor(port: number) {
    this.socket = net.connect(port, '127.0.0.1');
    this.socket.on('error', () => {});
    this.socket.on('data', (chunk: Buffer) => (this.received += chunk.toString('latin1')));
    this.socket.on('close', () => (this.isClosed = true));
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Resolves when `text` has come. */
  async has(text: string): Promise<void> {
    await eventually(() => this.received.includes(text));
  }

  async closed(): Promise<string> {
    await eventually(() => this.isClosed);
    return this.received;
  }

  get responses(): number {
    return this.received.match(/HTTP\/1\.1 (?!100)/g)?.length ?? 0;
  }
}
