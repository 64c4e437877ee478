import os from 'node:os';

export interface BenchRow {
  name: string;
  columns: Record<string, string | number>;
  /** What was measured in each round, from which the columns were made. */
  raw?: Record<string, readonly number[]>;
}

export interface BenchResult {
  name: string;
  /** One line: what was done. */
  about: string;
  rows: BenchRow[];
}

export type Conditions = Record<string, string | number>;

/** As it stands in bench/results/. */
export interface StoredResult extends BenchResult {
  /** When it was measured (ISO 8601). */
  at: string;
  conditions: Conditions;
}

export function describeConditions(conditions: Conditions): string {
  return Object.entries(conditions)
    .map(([key, value]) => `${key} ${value}`)
    .join(', ');
}

/** On what a figure was measured: without it the figure says nothing. */
export function machineConditions(): Conditions {
  const [cpu] = os.cpus();
  return {
    cpu: cpu?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    kernel: os.release().split('-')[0] ?? '',
    node: process.version,
    load: os.loadavg()[0]?.toFixed(2) ?? '',
    memoryGib: Math.round(os.totalmem() / 1024 ** 3),
  };
}

/** Plain text, columns padded to their widest value. */
export function formatTable(rows: readonly BenchRow[]): string {
  const titles = ['', ...Object.keys(rows[0]?.columns ?? {})];
  const lines = [
    titles,
    ...rows.map(({ name, columns }) => [name, ...Object.values(columns).map(String)]),
  ];
  const widths = titles.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  '),
    )
    .join('\n');
}
