import type { Socket } from 'node:net';
import { PassThrough, type Readable } from 'node:stream';
import {
  BUILDER_FRAME,
  type BuildResult,
  type BuildStart,
  type BuiltFile,
} from '../protocol/builder.ts';
import { type BuilderServices, createBuilderServices } from './install/builder-services.ts';
import { encodeFrame, FrameDecoder, type Frame } from '../protocol/framing.ts';
import type { GitEnd, GitOrder } from '../protocol/git-order.ts';

const FILE_CHUNK_BYTES = 256 * 1024;

/** The builder's end of the conversation that protocol/builder.ts describes. */
export interface Channel {
  /** Resolves with the first frame; until then this process belongs to nobody. Null when it is to run git. */
  started: Promise<BuildStart | null>;
  /** Ends when the other end has hung up. */
  gitOrders: AsyncIterable<GitOrder>;
  gitEnded: (end: GitEnd) => void;
  /** The repository; ends at TAR_END. */
  tar: Readable;
  /** What control does for the build meanwhile. */
  services: BuilderServices;
  line: (text: string) => void;
  file(path: string, content: Uint8Array): void;
  /**
   * The last frame; resolves when the other end has hung up. Until then what is left of the tar is taken and thrown
   * away: a process that exits with unread input breaks the sender's connection, and the result with it.
   */
  done(result: BuildResult): Promise<void>;
}

/** Speaks frames on `socket`. A peer that goes away or breaks the protocol ends the process by `onBroken`. */
export function openChannel(socket: Socket, onBroken: (reason: Error) => void): Channel {
  const tar = new PassThrough();
  const started = Promise.withResolvers<BuildStart | null>();
  const gitOrders = new PassThrough({ objectMode: true });
  const decoder = new FrameDecoder((frame) => take(frame));
  const services = createBuilderServices(socket);
  const hungUp = Promise.withResolvers<void>();
  let isDone = false;

  function take(frame: Frame): void {
    switch (frame.type) {
      case BUILDER_FRAME.START:
        started.resolve(JSON.parse(frame.payload.toString()) as BuildStart);
        break;
      case BUILDER_FRAME.TAR:
        // The payload is a view into the decoder's memory: copy what outlives this call.
        if (!tar.write(Buffer.from(frame.payload))) socket.pause();
        break;
      case BUILDER_FRAME.TAR_END:
        tar.end();
        socket.resume(); // A stream that has ended does not tell when it is drained.
        break;
      case BUILDER_FRAME.GIT:
        gitOrders.write(JSON.parse(frame.payload.toString()));
        started.resolve(null);
        break;
      default:
        if (!services.receive(frame)) throw new Error(`unexpected frame ${frame.type}`);
    }
  }

  tar.on('drain', () => socket.resume());
  socket.on('data', (chunk: Buffer) => {
    try {
      decoder.push(chunk);
    } catch (error) {
      onBroken(error as Error);
    }
  });
  const onGone = (reason: Error): void => (isDone ? hungUp.resolve() : onBroken(reason));
  socket.on('error', onGone);
  socket.on('end', () => onGone(new Error('the other end has gone')));

  const send = (type: number, payload: string | Uint8Array): boolean =>
    socket.write(encodeFrame(type, 0, payload));
  return {
    started: started.promise,
    tar,
    services,
    gitOrders,
    gitEnded: (end) => void send(BUILDER_FRAME.GIT_END, JSON.stringify(end)),
    line: (text) => void send(BUILDER_FRAME.LINE, text),
    file: (path, content) => {
      const built: BuiltFile = { path, bytes: content.length };
      send(BUILDER_FRAME.FILE_START, JSON.stringify(built));
      for (let at = 0; at < content.length; at += FILE_CHUNK_BYTES) {
        send(BUILDER_FRAME.FILE, content.subarray(at, at + FILE_CHUNK_BYTES));
      }
    },
    done: (result) => {
      isDone = true;
      send(BUILDER_FRAME.DONE, JSON.stringify(result));
      tar.resume();
      return hungUp.promise;
    },
  };
}
