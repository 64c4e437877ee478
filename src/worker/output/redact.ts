import { createRedactor, type Redact } from '../../protocol/redaction.ts';
import type { WorkerEnvironment } from '../../protocol/worker.ts';

/** Of this process, as its environment is: a worker serves one deployment for life. */
let redactNow: Redact = (text) => text;

/** From now on the secrets of this environment are taken out of all that leaves the worker to be read by people. */
export function redactSecretsOf({ values, secretNames }: WorkerEnvironment): void {
  redactNow = createRedactor(
    Object.fromEntries(secretNames.map((name) => [name, values[name] ?? ''])),
  );
}

export function redact(text: string): string {
  return redactNow(text);
}
