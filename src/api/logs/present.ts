import type { LogEntry } from '../../protocol/control-client.generated.ts';
import type { StoredLogEntry } from '../../store/logs.ts';

export function presentLogEntry(entry: StoredLogEntry): LogEntry {
  const { id, at, level, kind, functionName, version, deployment, requestId, text } = entry;
  return {
    id,
    at: at.toISOString(),
    level,
    kind,
    function: functionName,
    version,
    deployment,
    requestId,
    text,
    fields: entry.fields === null ? null : parseFields(entry.fields),
  };
}

/** A secret that was taken out may have been what made it JSON; the text has it all. */
function parseFields(json: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(json);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
