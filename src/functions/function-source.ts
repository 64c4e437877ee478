import { MANIFEST_RUNTIMES, type FnManifest } from '../model/manifest.ts';
import { MIN_FUNCTION_MEMORY_MIB, MIN_TIMEOUT_SECONDS } from '../model/manifest-function.ts';
import { PlatformError } from '../protocol/errors.ts';
import type { WrittenFile } from '../protocol/git-front.ts';

/** What can be said of a function. What is left out stays as it is, or as fn.json has it by default. */
export interface FunctionSettings {
  runtime?: string;
  code?: string;
  /** The export that is the handler. */
  handler?: string;
  memoryMib?: number;
  timeoutMs?: number;
  triggers?: NonNullable<FnManifest['triggers']>;
  rateLimit?: NonNullable<FnManifest['rateLimit']>;
}

export interface NewFunction extends FunctionSettings {
  name: string;
  runtime: string;
  code: string;
}

export interface SettingMaxima {
  memoryMib: number;
  timeoutMs: number;
}

type Runtime = (typeof MANIFEST_RUNTIMES)[number];

export const MANIFEST_FILE = 'fn.json';
/** Of the text of one function: what is larger is a repository's matter. */
export const MAX_CODE_BYTES = 1024 * 1024;
/** Where builds look for the function of a repository that names none. */
const CODE_FILES: Record<Runtime, string> = { typescript: 'index.ts', nodejs26: 'index.js' };

/** The files of an app that has this one function. */
export function sourceOf(request: NewFunction): WrittenFile[] {
  const file = CODE_FILES[request.runtime as Runtime];
  const manifest = { ...manifestFields(request), entry: file };
  return [
    { path: MANIFEST_FILE, content: toText(manifest) },
    { path: file, content: request.code },
  ];
}

/**
 * fn.json with other settings for one function: those of the whole where `name` is null.
 * @throws PlatformError conflict where it could not be written without losing what stands there
 */
export function changedManifest(
  text: string | null,
  name: string | null,
  settings: FunctionSettings,
): string {
  const manifest = text === null ? {} : parse(text);
  const fields = manifestFields(settings);
  if (name === null) return toText({ ...manifest, ...fields });
  const { runtime, rateLimit, ...own } = fields;
  if (runtime !== undefined || rateLimit !== undefined) {
    throw new PlatformError(
      'conflict',
      'runtime and rateLimit are those of all functions of an app',
      {
        hint: 'change them in fn.json and push it',
      },
    );
  }
  const functions = { ...manifest.functions, [name]: { ...manifest.functions?.[name], ...own } };
  return toText({ ...manifest, functions });
}

/** @throws PlatformError invalid for what no function of this server can have, too-large */
export function refuseSettings(settings: FunctionSettings, maxima: SettingMaxima): void {
  const { runtime, code, memoryMib, timeoutMs } = settings;
  if (runtime !== undefined && !isInstalled(runtime)) {
    const installed = MANIFEST_RUNTIMES.join(', ');
    throw new PlatformError('invalid', `the runtime "${runtime}" is not installed here`, {
      hint: `nothing was changed; installed are: ${installed}`,
    });
  }
  if (code !== undefined && Buffer.byteLength(code) > MAX_CODE_BYTES) {
    throw new PlatformError('too-large', `the code has more than ${MAX_CODE_BYTES} bytes`, {
      hint: 'nothing was changed; push a repository instead: fn init NAME',
    });
  }
  refuseAmount('memory', 'MB', memoryMib, [MIN_FUNCTION_MEMORY_MIB, maxima.memoryMib]);
  refuseAmount('timeout', 'ms', timeoutMs, [MIN_TIMEOUT_SECONDS * 1000, maxima.timeoutMs]);
}

function refuseAmount(
  field: string,
  unit: string,
  value: number | undefined,
  [least, most]: [number, number],
): void {
  if (value === undefined || (value >= least && value <= most)) return;
  throw new PlatformError(
    'invalid',
    `${field} is ${value}, and here it is ${least} to ${most} ${unit}`,
    {
      hint: 'nothing was changed; the operator of the server sets the most',
    },
  );
}

function isInstalled(runtime: string): runtime is Runtime {
  return (MANIFEST_RUNTIMES as readonly string[]).includes(runtime);
}

function manifestFields(settings: FunctionSettings): FnManifest {
  const { runtime, handler, memoryMib, timeoutMs, triggers, rateLimit } = settings;
  return {
    ...(runtime !== undefined && { runtime: runtime as Runtime }),
    ...(handler !== undefined && { handler }),
    ...(memoryMib !== undefined && { memory: memoryMib }),
    ...(timeoutMs !== undefined && { timeout: timeoutMs / 1000 }),
    ...(triggers !== undefined && { triggers }),
    ...(rateLimit !== undefined && { rateLimit }),
  };
}

function parse(text: string): FnManifest {
  try {
    const manifest: unknown = JSON.parse(text);
    if (typeof manifest === 'object' && manifest !== null && !Array.isArray(manifest))
      return manifest;
  } catch {
    // It has comments, perhaps: what would be written in its place has none.
  }
  throw new PlatformError(
    'conflict',
    'fn.json of the app has comments, which a change would lose',
    {
      hint: 'change it in the repository and push it',
    },
  );
}

function toText(manifest: FnManifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}
