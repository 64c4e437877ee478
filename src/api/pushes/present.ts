import type { PushRecord } from '../../deploy/index.ts';
import type { Push, PushOutput } from '../../protocol/control-client.generated.ts';

export function presentPush({ push, startedAt, endedAt, outcome }: PushRecord): Push {
  const { id, by, refs } = push;
  return {
    id,
    by,
    refs,
    startedAt: startedAt.toISOString(),
    endedAt: endedAt?.toISOString() ?? null,
    outcome,
  };
}

/** JSON lines, as `PushOutput` has them. @throws PlatformError busy */
export function presentOutput(record: PushRecord): AsyncGenerator<string> {
  return toJsonLines(record, record.read());
}

async function* toJsonLines(
  record: PushRecord,
  lines: AsyncGenerator<string | null>,
): AsyncGenerator<string> {
  const toLine = (output: PushOutput): string => `${JSON.stringify(output)}\n`;
  for await (const line of lines) yield toLine(line === null ? {} : { line });
  if (record.outcome !== null) yield toLine({ outcome: record.outcome });
}
