import type { DataOptions } from '../process/start-options.ts';

/** As an operator reads it. */
export function dataProcessName({
  place,
  dataSockets,
}: Pick<DataOptions, 'place' | 'dataSockets'>): string {
  return dataSockets.length === 1 ? 'data' : `data ${place + 1}`;
}
