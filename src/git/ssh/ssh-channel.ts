/** What a client has asked to have run, over one channel of its connection (RFC 4254 section 6.5), as a channel of git's. */
import type { Socket } from 'node:net';
import { Writable, type Readable } from 'node:stream';
import type { ServerChannel } from 'ssh2';
import type { Channel } from '../channel.ts';
import { meterBody } from '../request-body.ts';

/** A client that is done says so; one that says nothing for so long is taken to be. */
const QUIET_MS = 5_000;
/** And one that goes on sending what nobody wants is cut off. */
const DISCARD_MS = 5 * 60_000;
/** Of what has been encrypted and not yet left. */
const MAX_UNSENT_BYTES = 1024 * 1024;

export interface SshChannel extends Channel {
  /** Ends it with words on its error output, which git shows as they are, whatever was answered so far. */
  fail(words: string): void;
}

export function createSshChannel(
  channel: ServerChannel,
  { socket, userAgent }: { socket: Socket; userAgent: string | null },
): SshChannel {
  const answer = new Answer(channel, socket);
  channel.on('error', () => {}); // `close` follows.
  const end = (status: number): void => {
    answer.end(() => {
      channel.exit(status);
      channel.end();
    });
  };
  let isRead = false;
  return {
    userAgent,
    answer,
    get hasBegun() {
      return answer.hasBegun;
    },
    openBody(options) {
      isRead = true;
      const { body, breakOff } = meterBody(channel, options, null);
      channel.on('close', () => {
        if (!channel.readableEnded) breakOff();
      });
      answer.on('close', breakOff); // What is refused, or left while it waits, is not read to its end.
      return body;
    },
    begin: () => answer.begin(),
    async finish(rest) {
      if (rest !== undefined) answer.write(rest);
      await discard(channel);
      end(0);
    },
    refuse(words) {
      answer.write(words);
      void discard(channel).then(() => end(1));
    },
    fail(words) {
      if (answer.destroyed) return;
      channel.stderr.write(words);
      // Who was told nothing yet waits for that, and has nothing to send; whatever comes is thrown away.
      if (isRead) void discard(channel).then(() => end(1));
      else {
        channel.resume();
        end(1);
      }
    },
  };
}

/** A channel that is closed while its client still sends takes the answer away from a client that has not read it yet. */
function discard(channel: Readable): Promise<void> {
  return new Promise((resolve) => {
    if (channel.readableEnded) return resolve();
    const settle = (): void => {
      clearTimeout(quiet);
      clearTimeout(whole);
      resolve();
    };
    const quiet = setTimeout(settle, QUIET_MS);
    const whole = setTimeout(settle, DISCARD_MS);
    channel.unpipe();
    channel
      .on('data', () => quiet.refresh())
      .on('end', settle)
      .on('close', settle);
    channel.resume();
  });
}

/**
 * What goes to the client. The window that it opens bounds what is under way to it; a client that opens a huge one and
 * reads nothing is held up by its connection.
 */
class Answer extends Writable {
  hasBegun = false;
  readonly #channel: ServerChannel;
  readonly #socket: Socket;

  constructor(channel: ServerChannel, socket: Socket) {
    super();
    this.#channel = channel;
    this.#socket = socket;
    this.on('error', () => {}); // The client has gone, as `close` tells.
    const leave = (): void => void this.destroy();
    channel.on('close', leave);
    socket.on('close', leave);
    // A connection may have any number of channels, one after the other.
    this.on('close', () => socket.off('close', leave));
  }

  begin(): void {
    this.hasBegun = false;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.hasBegun = true;
    this.#channel.write(chunk, () => {
      if (this.#socket.writableLength < MAX_UNSENT_BYTES) done();
      else this.#socket.once('drain', done);
    });
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.writableFinished) this.#channel.close();
    done(error);
  }
}
