import { closeSync, readSync } from 'node:fs';
import { homedir } from 'node:os';
import { CODE_FOLDER } from './load-bundle.ts';
import type { SpecialiseHead, WorkerEnvironment } from '../protocol/worker.ts';

/** Gives the environment of the deployment; to be called once, when this process has become its worker. */
export type EnvironmentSource = () => WorkerEnvironment;

/** The platform refuses larger sets long before; this only bounds what a broken peer can send. */
const MAX_ENVIRONMENT_BYTES = 4 * 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
const LINE_END = 0x0a;

/** Servers are written to listen where they are told to; nothing is bound. */
const DEFAULT_PORT = '8080';

/**
 * Reads the JSON object that the supervisor writes when the worker is specialised, and waits for it with the whole
 * process: there is nothing else to do, and the kernel wakes a reader sooner than an event loop. It is whole with the end
 * of its line, which comes sooner than the end of the stream. Whoever had the writing end and has gone leaves nothing.
 */
export function readEnvironment(fd: number): WorkerEnvironment {
  const chunks: Buffer[] = [];
  let size = 0;
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const bytes = readSync(fd, chunk);
    if (bytes === 0) break;
    size += bytes;
    if (size > MAX_ENVIRONMENT_BYTES) throw new Error('environment is too large');
    chunks.push(chunk.subarray(0, bytes));
    if (chunk[bytes - 1] === LINE_END) break;
  }
  closeSync(fd);
  if (size === 0) return { values: {}, secretNames: [] };
  return JSON.parse(Buffer.concat(chunks).toString()) as WorkerEnvironment;
}

/** A sandbox's user has no name and no home: `homedir` throws there, and clients that look for files in it with it. */
const HOME = homeOf();

function homeOf(): { HOME?: string } {
  try {
    homedir();
    return {};
  } catch {
    return { HOME: '/tmp' };
  }
}

/** A release command is no function: it sees its own environment and nothing that belongs to Lambda. */
export function applyReleaseEnvironment({ values }: WorkerEnvironment): void {
  Object.assign(process.env, HOME, { NODE_ENV: 'production' }, values);
}

/**
 * Makes `process.env` what the function sees: its own environment, and the names by which libraries written for
 * Lambda learn where they run.
 */
export function applyEnvironment({ values }: WorkerEnvironment, head: SpecialiseHead): void {
  Object.assign(process.env, HOME, { NODE_ENV: 'production', PORT: DEFAULT_PORT }, values, {
    AWS_LAMBDA_FUNCTION_NAME: head.functionName,
    AWS_LAMBDA_FUNCTION_VERSION: head.version,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(head.memoryMib),
    LAMBDA_TASK_ROOT: CODE_FOLDER,
    _HANDLER: `${head.entry}.handler`,
  });
}
