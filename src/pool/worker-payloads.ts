/** JSON that a worker sent, brought to the shapes of protocol/worker.ts whatever it holds. */
import { LOG_LEVELS } from '../protocol/logs.ts';
import type { FailedHead, InitFailedHead, LogLine, ReadyHead } from '../protocol/worker.ts';

const MAX_TEXT_CHARACTERS = 16 * 1024;
/** More lines than a worker can print between two that arrive. */
const MAX_DROPPED = 1e9;
const MAX_DROPPED_DIGITS = 9;
/** The last field of what the worker writes. */
const DROPPED = '"dropped":';
const BRACE = '}'.charCodeAt(0);

/** @throws when the payload is no JSON object; the link takes that as a breach of the protocol. */
export function parseFailedHead(payload: Buffer): FailedHead {
  const value = parseObject(payload);
  return {
    errorType: text(value['errorType']),
    message: text(value['message']),
    stack: text(value['stack']),
  };
}

export function parseInitFailedHead(payload: Buffer): InitFailedHead {
  const value = parseObject(payload);
  return {
    reason: value['reason'] === 'no-handler' ? 'no-handler' : 'threw',
    message: text(value['message']),
    stack: text(value['stack']),
  };
}

export function parseReadyHead(payload: Buffer): ReadyHead {
  const value = parseObject(payload);
  const ready = { initMs: count(value['initMs']), convention: text(value['convention']) };
  return value['isCacheRejected'] === true ? { ...ready, isCacheRejected: true } : ready;
}

export function parseLogLine(payload: Buffer, requestId: string | null): LogLine {
  const value = parseObject(payload);
  const { level, fields } = value;
  const line: LogLine = {
    level: LOG_LEVELS.find((known) => known === level) ?? 'info',
    text: text(value['text']),
    requestId,
    dropped: Math.min(Math.floor(count(value['dropped'])), MAX_DROPPED),
  };
  // Longer than it is believed to be it would be cut, and then be no JSON.
  if (typeof fields === 'string' && fields.length <= MAX_TEXT_CHARACTERS) line.fields = fields;
  return line;
}

/** How many a LOG says were dropped before it, read from its end without parsing it: 0 for what ends in another way. */
export function droppedBefore(payload: Buffer): number {
  const end = payload.length - 1;
  if (payload[end] !== BRACE) return 0;
  let at = end;
  while (at > 0 && end - at < MAX_DROPPED_DIGITS && isDigit(payload[at - 1])) at--;
  const isField = payload.toString('latin1', Math.max(0, at - DROPPED.length), at) === DROPPED;
  return isField ? Number(payload.toString('latin1', at, end)) : 0;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function parseObject(payload: Buffer): Record<string, unknown> {
  const value: unknown = JSON.parse(payload.toString());
  if (typeof value !== 'object' || value === null) throw new Error('payload is no JSON object');
  return value as Record<string, unknown>;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, MAX_TEXT_CHARACTERS) : '';
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : 0;
}
