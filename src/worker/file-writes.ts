import type fs from 'node:fs';
import type { OutputLines } from './output/output-lines.ts';

type FileSystem = typeof fs;
type Callback = (error: null, bytes: number, data: unknown) => void;

/** Has `write`, `writev` and their synchronous twins give what is meant for some descriptors to `linesOf` instead. */
export function captureFileWrites(
  fileSystem: FileSystem,
  linesOf: (fd: unknown) => OutputLines | null,
): void {
  intercept(fileSystem, 'writeSync', ([fd, data, ...rest]) => {
    const lines = linesOf(fd);
    return lines === null ? PASS : pushPart(lines, data, rest);
  });
  intercept(fileSystem, 'write', ([fd, data, ...rest]) => {
    const lines = linesOf(fd);
    return lines === null ? PASS : answerLater(rest, pushPart(lines, data, rest), data);
  });
  intercept(fileSystem, 'writevSync', ([fd, buffers]) => {
    const lines = linesOf(fd);
    return lines === null ? PASS : pushAll(lines, buffers);
  });
  intercept(fileSystem, 'writev', ([fd, buffers, ...rest]) => {
    const lines = linesOf(fd);
    return lines === null ? PASS : answerLater(rest, pushAll(lines, buffers), buffers);
  });
}

const PASS = Symbol('not ours');

function intercept(
  fileSystem: FileSystem,
  name: 'write' | 'writeSync' | 'writev' | 'writevSync',
  take: (parameters: unknown[]) => unknown,
): void {
  const original = fileSystem[name] as (...parameters: unknown[]) => unknown;
  const replacement = (...parameters: unknown[]): unknown => {
    const result = take(parameters);
    return result === PASS ? original.apply(fileSystem, parameters) : result;
  };
  // What util.promisify looks for stays with it.
  Object.defineProperties(replacement, Object.getOwnPropertyDescriptors(original));
  Object.assign(fileSystem, { [name]: replacement });
}

function answerLater(parameters: unknown[], bytes: number, data: unknown): undefined {
  const callback = parameters.findLast((parameter) => typeof parameter === 'function');
  process.nextTick(callback as Callback, null, bytes, data);
}

/** The parameters that follow: position and encoding of a string; offset and length, or an object with both. */
function pushPart(lines: OutputLines, data: unknown, rest: unknown[]): number {
  if (typeof data === 'string') {
    const encoding = rest.find((parameter) => typeof parameter === 'string') as BufferEncoding;
    const bytes = Buffer.from(data, encoding);
    lines.push(bytes);
    return bytes.length;
  }
  const view = bytesOf(data);
  const [first, second] = rest;
  const named = (typeof first === 'object' && first !== null ? first : {}) as Range;
  const offset = typeof first === 'number' ? first : (named.offset ?? 0);
  const length = typeof second === 'number' ? second : (named.length ?? view.length - offset);
  const part = view.subarray(offset, offset + length);
  lines.push(part);
  return part.length;
}

interface Range {
  offset?: number;
  length?: number;
}

function pushAll(lines: OutputLines, buffers: unknown): number {
  const parts = (Array.isArray(buffers) ? buffers : []).map(bytesOf);
  for (const part of parts) lines.push(part);
  return parts.reduce((sum, part) => sum + part.length, 0);
}

function bytesOf(data: unknown): Buffer {
  if (!ArrayBuffer.isView(data)) throw new TypeError('The data to write is neither text nor bytes');
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
