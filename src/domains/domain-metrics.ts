import type { Metric } from '../model/metric.ts';
import type { NamedDomain } from '../store/domains-of-apps.ts';

/** `astray`: verified, and DNS leads elsewhere or nowhere. */
const STATES = ['pending', 'verified', 'astray'] as const;

/** One sample for each state of a domain, of which one is 1: an alert that waits for it to change finds it before and after. */
export function domainMetrics(domains: readonly NamedDomain[]): Metric[] {
  const samples = domains.flatMap((domain) => {
    const { name, appName: app } = domain;
    const current = stateOf(domain);
    return STATES.map((state) => ({
      labels: { name, app, state },
      value: Number(state === current),
    }));
  });
  return [
    {
      name: 'gitfn_domain_state',
      help: 'Whether the domain waits for its proof (pending), leads here (verified) or does not any more (astray).',
      type: 'gauge',
      samples,
    },
  ];
}

function stateOf({ state, pointing }: NamedDomain): (typeof STATES)[number] {
  if (state !== 'verified') return 'pending';
  return pointing === 'elsewhere' || pointing === 'nowhere' ? 'astray' : 'verified';
}
