import type { InvokeOutcome } from '../protocol/data-plane.ts';
import { PlatformError } from '../protocol/errors.ts';
import type { Invocation } from '../protocol/control-client.generated.ts';
import type { Redact } from '../protocol/redaction.ts';
import { findDeployment } from '../store/deployments.ts';
import type { Database } from '../store/database.ts';
import type { FunctionRow } from '../store/functions.ts';

/** Invokes functions as requests do, by the same workers, and tells their author all about it. */
export interface Invocations {
  /**
   * What production of the function makes of the payload; a handler that fails is an answer. The signal ends it.
   * @throws PlatformError busy, too-large, unavailable
   */
  invoke(row: FunctionRow, payload: Buffer, signal: AbortSignal): Promise<Invocation>;
}

interface Deps {
  db: Database;
  data: {
    invoke(
      target: { deployment: string; function: string; host: string },
      call: { payload: Buffer; signal: AbortSignal; deadlineMs: number },
    ): Promise<InvokeOutcome>;
  };
  redactors: { redactorFor(deploymentId: string): Promise<Redact> };
  /** A stack in positions of the source. */
  stacks: { resolve(bundle: string, file: string, stack: string): Promise<string> };
  hostOf: (appName: string) => string;
}

const KIB_PER_MB = 1024;
const TOO_MANY_REQUESTS = 429;
const UNAVAILABLE = 503;

export function createInvocations({ db, data, redactors, stacks, hostOf }: Deps): Invocations {
  async function stackTrace(row: FunctionRow, stack: string, redact: Redact): Promise<string[]> {
    const deployment = await findDeployment(db, row.deploymentId);
    const isKnown = stack !== '' && deployment !== null && deployment.bundle !== null;
    const text = isKnown
      ? await stacks.resolve(deployment.bundle ?? '', row.settings.file, stack)
      : stack;
    const lines = redact(text).split('\n');
    return lines.filter((line) => line.trimStart().startsWith('at ')).map((line) => line.trim());
  }

  return {
    async invoke(row, payload, signal) {
      const { deploymentId: deployment, name, appName } = row;
      const target = { deployment, function: name, host: hostOf(appName) };
      // First: what it prints may not be shown without.
      const redact = await redactors.redactorFor(deployment);
      const deadlineMs = row.settings.timeoutMs;
      const outcome = await data.invoke(target, { payload, signal, deadlineMs });
      const answered = refuse(row, outcome);
      const facts = {
        requestId: answered.requestId,
        duration: round(answered.durationMs),
        memoryUsed: Math.ceil(answered.peakMemoryKib / KIB_PER_MB),
        coldStart: answered.coldStartMs !== null,
        logs: linesOf(answered.logs).map(redact),
      };
      if (answered.kind === 'answered') {
        return { ...facts, statusCode: answered.status, ...bodyOf(answered) };
      }
      const { status, errorType, message, stack } = answered;
      return {
        ...facts,
        statusCode: status,
        body: null,
        errorType,
        errorMessage: redact(message),
        stackTrace: await stackTrace(row, stack, redact),
      };
    },
  };
}

type Answered = Extract<InvokeOutcome, { kind: 'answered' | 'failed' }>;

/** @throws PlatformError for what says nothing of the function's code */
function refuse({ appName }: FunctionRow, outcome: InvokeOutcome): Answered {
  switch (outcome.kind) {
    case 'unknown':
      throw new PlatformError('busy', `${appName} is being deployed at this moment`, {
        hint: 'try again in a moment',
      });
    case 'too-large':
      throw new PlatformError(
        'too-large',
        'the function answers more than an invocation may hold',
        {
          hint: 'ask it over HTTP: its "url" streams answers of any length',
        },
      );
    case 'cancelled':
      throw new PlatformError('unavailable', 'the invocation was cancelled');
    case 'answered':
      return outcome;
    case 'failed':
      if (![TOO_MANY_REQUESTS, UNAVAILABLE].includes(outcome.status)) return outcome;
      throw new PlatformError('busy', outcome.message, {
        hint: 'nothing was invoked; try again in a moment',
      });
    default:
      return outcome satisfies never;
  }
}

function linesOf({ lines, dropped }: Answered['logs']): string[] {
  return dropped === 0 ? lines : [...lines, `${dropped} more lines: fn logs`];
}

/** JSON as what it says, other text as text, and what is neither as base64. */
function bodyOf({ body, contentType }: Extract<InvokeOutcome, { kind: 'answered' }>): Pick<
  Invocation,
  'body'
> & {
  isBase64Encoded?: true;
} {
  const bytes = Buffer.from(body, 'base64');
  if (bytes.length === 0) return { body: null };
  const text = bytes.toString('utf8');
  if (!Buffer.from(text).equals(bytes)) return { body, isBase64Encoded: true };
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type !== 'application/json' && !type.endsWith('+json')) return { body: text };
  try {
    return { body: JSON.parse(text) as unknown };
  } catch {
    return { body: text };
  }
}

/** Hundredths of a millisecond. */
function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
