import type { IncomingHttpHeaders } from 'node:http';
import { printableLine } from '../std/printable.ts';

/** What the API of a git host has answered, as it came. */
export interface HostAnswer {
  status: number;
  text: string;
  headers: IncomingHttpHeaders;
}

const MAX_REASON_CHARACTERS = 200;
/** GitHub asks for as much of who exceeded a limit that it names no time for. */
const UNNAMED_LIMIT_MS = 60_000;
/** The limits of all three hosts are over by then. */
const MAX_LIMIT_MS = 3_600_000;
const LIMIT = /rate limit|abuse detection/i;

/** Whether the same request may be answered better later. */
export function isTrouble(answer: HostAnswer): boolean {
  return answer.status === 429 || answer.status >= 500 || isLimit(answer);
}

/** How long the host wants to be left alone; null where it does not say. */
export function waitMsOf(answer: HostAnswer, nowMs: number): number | null {
  const { 'retry-after': after, 'x-ratelimit-reset': reset } = answer.headers;
  if (after !== undefined) return bounded(readRetryAfter(after, nowMs));
  if (hasNothingLeft(answer)) return bounded(Number(reset) * 1_000 - nowMs);
  return isLimit(answer) ? UNNAMED_LIMIT_MS : null;
}

/** What the host says was wrong, as one line; empty where it says nothing that a person could use. */
export function reasonOf({ text }: HostAnswer): string {
  return printableLine(reasonIn(parse(text)), MAX_REASON_CHARACTERS);
}

/** GitHub answers 403 both to who asks too much and to who may not. */
function isLimit(answer: HostAnswer): boolean {
  if (answer.status !== 403) return false;
  return (
    answer.headers['retry-after'] !== undefined ||
    hasNothingLeft(answer) ||
    LIMIT.test(reasonIn(parse(answer.text)))
  );
}

function hasNothingLeft({ headers }: HostAnswer): boolean {
  return headers['x-ratelimit-remaining'] === '0';
}

/** Seconds, or a date (RFC 9110, 10.2.3). */
function readRetryAfter(value: string, nowMs: number): number {
  return /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - nowMs;
}

function bounded(ms: number): number {
  return Number.isNaN(ms) ? UNNAMED_LIMIT_MS : Math.min(Math.max(ms, 0), MAX_LIMIT_MS);
}

/**
 * `message` of all three; of GitLab also `error_description` (RFC 6750), and messages by field. Gitea may name a
 * function of its own there, and say in `errors` what was wrong; GitHub says there what it did not validate.
 */
function reasonIn(body: unknown): string {
  if (typeof body !== 'object' || body === null) return '';
  const { message, error_description: described, error, errors } = body as Record<string, unknown>;
  const said = message ?? described ?? error;
  if (said === undefined) return '';
  const text = typeof said === 'string' ? said : JSON.stringify(said);
  const [first] = Array.isArray(errors) ? (errors as unknown[]) : [];
  return first === undefined ? text : `${text} (${detailIn(first)})`;
}

function detailIn(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  const { field, code, message } = error as Record<string, unknown>;
  return typeof message === 'string' ? message : `${String(field)}: ${String(code)}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
