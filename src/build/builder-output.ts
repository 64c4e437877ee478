import type { BundleFile } from '../bundles/index.ts';
import {
  BUILDER_FRAME,
  type BuildResult,
  type FunctionLimits,
  MAX_BUILT_FILES,
  MAX_BUILT_PATH_BYTES,
  MAX_BUNDLE_BYTES,
  MAX_CODE_BYTES,
  MAX_SOURCE_MAP_BYTES,
} from '../protocol/builder.ts';
import { FrameDecoder, type Frame, MAX_FRAME_BYTES } from '../protocol/framing.ts';
import { printableLine } from '../std/printable.ts';
import { checkResult } from './check-result.ts';
import type { Report } from './ports.ts';

const MAX_LINES = 1000;
const MAX_LINE_CHARACTERS = 500;
/** What a line may hold before colours and the like are taken out. */
const MAX_LINE_BYTES = 8 * MAX_LINE_CHARACTERS;

/** The builder said something that protocol/builder.ts does not have, or too much. */
class BuilderBrokeProtocol extends Error {}

/** Takes frames that are not about the result; false when they break the protocol. */
type ReceiveOther = (frame: Frame) => boolean;

interface OpenFile {
  path: string;
  missingBytes: number;
  content: Buffer;
}

/** Gathers what a builder sends, holding it to the protocol and its limits. */
export class BuilderOutput {
  readonly #decoder = new FrameDecoder((frame) => this.#take(frame), MAX_FRAME_BYTES);
  readonly #files: OpenFile[] = [];
  readonly #maxima: FunctionLimits;
  readonly #report: Report;
  readonly #receiveOther: ReceiveOther;
  #activity = '';
  #bytes = 0;
  #lines = 0;
  #result: BuildResult | null = null;

  constructor(maxima: FunctionLimits, report: Report, receiveOther: ReceiveOther = () => false) {
    this.#maxima = maxima;
    this.#receiveOther = receiveOther;
    this.#report = report;
  }

  /** @throws BuilderBrokeProtocol, FramingError */
  push(chunk: Buffer): void {
    this.#decoder.push(chunk);
  }

  /** Null until the last frame was there. */
  get result(): BuildResult | null {
    return this.#result;
  }

  /** What the builder says that it is doing; empty when it has said nothing. */
  get activity(): string {
    return this.#activity;
  }

  get files(): BundleFile[] {
    return this.#files.map(({ path, content }) => ({ path, content }));
  }

  #take(frame: Frame): void {
    const { type, payload } = frame;
    if (this.#result !== null) throw new BuilderBrokeProtocol('frame after the last one');
    switch (type) {
      case BUILDER_FRAME.LINE:
        return this.#takeLine(lineOf(payload));
      case BUILDER_FRAME.FILE_START:
        return this.#openFile(payload.toString());
      case BUILDER_FRAME.FILE:
        return this.#takeChunk(payload);
      case BUILDER_FRAME.DONE:
        return this.#finish(payload.toString());
      case BUILDER_FRAME.ACTIVITY:
        this.#activity = lineOf(payload);
        return;
      default:
        if (!this.#receiveOther(frame)) throw new BuilderBrokeProtocol(`frame of type ${type}`);
    }
  }

  #takeLine(line: string): void {
    this.#lines += 1;
    if (this.#lines > MAX_LINES) throw new BuilderBrokeProtocol('too many lines');
    this.#report(`       ${line}`);
  }

  #openFile(json: string): void {
    const { path, bytes } = parseFileStart(json);
    this.#bytes += bytes;
    const isTooMuch = this.#files.length >= MAX_BUILT_FILES || this.#bytes > MAX_BUNDLE_BYTES;
    if (isTooMuch) throw new BuilderBrokeProtocol('more files than a bundle may have');
    this.#checkLastFileIsWhole();
    // Memory of its final size, so that no number of small chunks costs more than the file.
    this.#files.push({ path, missingBytes: bytes, content: Buffer.alloc(bytes) });
  }

  #takeChunk(payload: Buffer): void {
    const file = this.#files.at(-1);
    if (payload.length === 0) throw new BuilderBrokeProtocol('a chunk without bytes');
    if (file === undefined || payload.length > file.missingBytes) {
      throw new BuilderBrokeProtocol('more bytes than announced');
    }
    payload.copy(file.content, file.content.length - file.missingBytes);
    file.missingBytes -= payload.length;
  }

  #finish(json: string): void {
    this.#checkLastFileIsWhole();
    const result = checkResult(json, this.#maxima);
    if (result === null) throw new BuilderBrokeProtocol('a result that makes no sense');
    const sizes = new Map(this.#files.map(({ path, content }) => [path, content.length]));
    for (const file of result.kind === 'failed' ? [] : codeFiles(result)) {
      const codeBytes = sizes.get(file);
      const mapBytes = sizes.get(`${file}.map`) ?? 0;
      if (codeBytes === undefined) throw new BuilderBrokeProtocol('a function without its file');
      // Data holds code whole in its memory, and this process the map of a stack that it explains.
      if (codeBytes > MAX_CODE_BYTES || mapBytes > MAX_SOURCE_MAP_BYTES) {
        throw new BuilderBrokeProtocol('more code than a function may have');
      }
    }
    this.#result = result;
  }

  #checkLastFileIsWhole(): void {
    const last = this.#files.at(-1);
    if (last !== undefined && last.missingBytes > 0) {
      throw new BuilderBrokeProtocol('fewer bytes than announced');
    }
  }
}

/** What a frame of any size begins with, as one line of it: the rest is never looked at. */
function lineOf(payload: Buffer): string {
  return printableLine(payload.toString('utf8', 0, MAX_LINE_BYTES), MAX_LINE_CHARACTERS);
}

/** The files of code that the builder had to send: all but those of the last build. */
function codeFiles(result: Extract<BuildResult, { kind: 'built' }>): string[] {
  const reused = new Set(result.reused);
  const all = result.functions.map(({ file }) => file);
  if (result.releaseCommand !== null) all.push(result.releaseCommand.file);
  return all.filter((file) => !reused.has(file));
}

function parseFileStart(json: string): { path: string; bytes: number } {
  const { path, bytes } = JSON.parse(json) as { path?: unknown; bytes?: unknown };
  const isSound =
    typeof path === 'string' &&
    path.length <= MAX_BUILT_PATH_BYTES &&
    typeof bytes === 'number' &&
    Number.isSafeInteger(bytes) &&
    bytes >= 0;
  if (!isSound) throw new BuilderBrokeProtocol('a file without name or size');
  return { path, bytes };
}
