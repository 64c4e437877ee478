/** Figures of one name, as monitoring systems read them. */
export interface Metric {
  /** As Prometheus advises: `gitfn_`, what is measured, the unit. */
  name: string;
  /** What it tells, in a line. */
  help: string;
  type: 'counter' | 'gauge';
  samples: { labels: Readonly<Record<string, string>>; value: number }[];
}
