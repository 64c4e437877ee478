import type { FrameWriter } from '../protocol/frame-writer.ts';
import { BODY_CHUNK_BYTES, WORKER_FRAME, type ReadyHead } from '../protocol/worker.ts';
import type { CompiledBundle } from './load-bundle.ts';

/**
 * Answers MAKE_CODE_CACHE. Making one holds up the event loop for some 15 ms a megabyte of code, hence it is asked for
 * when the worker has nothing else to do.
 */
export class CodeCacheMaker {
  #bundle: CompiledBundle | null = null;

  compiled(bundle: CompiledBundle): void {
    this.#bundle = bundle;
  }

  /** What READY says of the cache that came along. */
  get rejection(): Pick<ReadyHead, 'isCacheRejected'> {
    return this.#bundle?.isCacheRejected === true ? { isCacheRejected: true } : {};
  }

  make(maxBytes: number, writer: FrameWriter): void {
    const cache = this.#bundle?.makeCache() ?? Buffer.alloc(0);
    const end = cache.length > maxBytes ? 0 : cache.length;
    for (let at = 0; at < end; at += BODY_CHUNK_BYTES) {
      const piece = cache.subarray(at, Math.min(end, at + BODY_CHUNK_BYTES));
      writer.bytes(WORKER_FRAME.CODE_CACHE, 0, piece);
    }
    writer.empty(WORKER_FRAME.CODE_CACHE, 0);
  }
}
