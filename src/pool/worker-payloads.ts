/** JSON that a worker sent, brought to the shapes of protocol/worker.ts whatever it holds. */
import { LOG_LEVELS } from '../protocol/logs.ts';
import type { FailedHead, InitFailedHead, LogLine, ReadyHead } from '../protocol/worker.ts';

const MAX_TEXT_CHARACTERS = 16 * 1024;
/** More lines than a worker can print between two that arrive. */
const MAX_DROPPED = 1e9;

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
  return { initMs: count(value['initMs']), convention: text(value['convention']) };
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
