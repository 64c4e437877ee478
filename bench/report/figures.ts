import { AIMS } from './aims.ts';
import type { StoredResult } from '../support/result.ts';

type Cells = Readonly<Record<string, string | number>>;

/** A line of the table: which row of which bench, and how its columns read. */
interface Figure {
  title: string;
  bench: string;
  row: string;
  say: (cells: Cells) => string;
  /** Where it is explained, from the root of the project. */
  why?: string;
}

const milliseconds = (cells: Cells): string => `${cells['median ms']} ms (${cells['spread']})`;
const times =
  (reference: string) =>
  (cells: Cells): string =>
    `${cells[`× ${reference}`]} × (${cells[`spread of × ${reference}`] ?? cells['spread']})`;
const coldStart = (cells: Cells): string =>
  `p50 ${cells['p50 ms']} ms, p90 ${cells['p90 ms']} ms, p99 ${cells['p99 ms']} ms`;
const burst = (cells: Cells): string =>
  `p50 ${cells['p50 ms']} ms, p99 ${cells['p99 ms']} ms, ${cells['failures']} failed`;
const added = (cells: Cells): string =>
  `p50 ${cells['added p50 ms']} ms (${cells['p50 spread']}), p99 ${cells['added p99 ms']} ms (${cells['p99 spread']})`;
const overload = (cells: Cells): string =>
  `${cells['goodput ÷ capacity']} of the capacity answered within a second; refusals p99 ${cells['refused p99 ms']} ms, recovered after ${cells['recovered s']} s, ${cells['unanswered']} unanswered`;
const large = (cells: Cells): string =>
  `p50 ${cells['p50 ms']} ms, of which ${cells['rest p50']} ms are not its own evaluation and call`;
const each = (cells: Cells): string =>
  cells['spread'] === '' ? String(cells['each']) : `${cells['each']} (${cells['spread']})`;
const asleep = (cells: Cells): string =>
  `p50 ${cells['cold p50 ms']} ms, p90 ${cells['cold p90 ms']} ms`;
const timesAlone = (cells: Cells): string => `${cells['× alone']} × (${cells['all rounds']})`;

const WHY_WARM = 'docs/decisions/0025-the-door-reads-plain-requests-itself.md';
const WHY_COLD = 'docs/decisions/0020-a-zygote-rehearses-before-it-is-needed.md';
const WHY_PAYLOAD = 'docs/profile.md';
const WHY_TLS = 'docs/decisions/0031-http-2-is-node-s-with-bounds-of-our-own.md';

const FIGURES: readonly Figure[] = [
  { title: 'push to live, new commit', bench: 'push', row: 'new commit', say: milliseconds },
  ...rowsOf('dependencies', 'push to live, ', milliseconds, ['20 cached dependencies, each used']),
  {
    title: 'the same, when the push imports something new of one',
    bench: 'dependencies',
    row: '20 cached dependencies, each used, and something new of one',
    say: milliseconds,
    why: 'docs/decisions/0015-where-a-push-with-dependencies-spends-its-time.md',
  },
  ...rowsOf('push', 'push to live, ', milliseconds, [
    'same commit to another branch',
    'older commit pushed again',
  ]),
  { title: '`fn rollback`', bench: 'push', row: 'fn rollback', say: milliseconds },
  {
    title: 'for comparison: the push alone, to node-git-server without hooks',
    bench: 'push',
    row: 'bare push',
    say: milliseconds,
  },
  {
    title: '50 pushes of 10 apps at once ÷ in turn, processor time',
    bench: 'pushes',
    row: 'at once',
    say: (cells) => `${cells['ratio']} (${cells['spread']}), ${cells['answered']} answered`,
  },
  {
    title: 'push of 100 MB ÷ the same to `git http-backend`',
    bench: 'pushes',
    row: 'large, gitfn',
    say: (cells) =>
      `${cells['ratio']} (${cells['spread']}), the git front has ${cells['front PSS MB']} MB`,
  },
  ...rowsOf('environment', 'environment: ', milliseconds, ['change to live']),
  {
    title: 'reads of the API, 200 a second, functions at half load: all of them',
    bench: 'api',
    row: 'all reads',
    say: (cells) => `p50 ${cells['p50 ms']} ms, p99 ${cells['p99 ms']} ms`,
    why: 'docs/decisions/0042-what-a-read-of-the-api-waits-for.md',
  },
  {
    title: 'throughput of functions beside these reads ÷ without',
    bench: 'api',
    row: 'functions beside the reads',
    say: (cells) => `${cells['× without']} (${cells['spread']})`,
  },
  ...rowsOf('logs', '', ({ measured }) => String(measured), [
    'line visible in a tail',
    'lines stored',
  ]),
  {
    title: 'the sandbox’s cost: warm hello, with it ÷ without',
    bench: 'confinement',
    row: 'sandbox',
    say: (cells) => `${cells['× none']} (${cells['spread']})`,
  },
  {
    title: 'the sandbox’s cost: cold start, median',
    bench: 'confinement',
    row: 'sandbox',
    say: (cells) => `${cells['cold p50 ms']} ms, ${cells['more ms']} ms more than without`,
  },
  ...rowsOf('warm', 'warm hello ÷ nginx → node: ', times('nginx → node'), [
    'gitfn, Lambda handler',
    'gitfn, web handler',
    'bare node:http',
  ]).map(because(WHY_WARM)),
  ...rowsOf(
    'warm',
    'warm hello ÷ nginx → @hono/node-server: ',
    times('nginx → @hono/node-server'),
    ['gitfn, web handler'],
  ).map(because(WHY_WARM)),
  ...rowsOf('cold', 'first request, worker asleep: ', coldStart, [
    'gitfn, lambda handler',
    'gitfn, web handler',
    'node spawned for the request',
  ]).map(because(WHY_COLD)),
  ...rowsOf('peers', 'the same beside who else sleeps: ', asleep, [
    'gitfn, Lambda handler',
    'nginx → php-fpm ondemand',
    'nginx → uWSGI cheap, Python',
    'Apache → Passenger, Node',
    'node spawned per request',
  ]).map(because(WHY_COLD)),
  ...rowsOf('burst', '50 first requests at once: ', burst, [
    'gitfn, 8 zygotes',
    'gitfn, 50 zygotes',
  ]).map(because(WHY_COLD)),
  ...rowsOf(
    'payload',
    '',
    (cells) => `${times('nginx → node')(cells)}, PSS of data and worker ${cells['PSS MiB']} MiB`,
    ['1 MiB responses, gitfn', '1 GiB upload, 128 MB worker, gitfn'],
  ).map(because(WHY_PAYLOAD)),
  ...rowsOf('latency', 'latency added: ', added, [
    'gitfn, Lambda handler, half load',
    'nginx → node, half load',
    'gitfn, Lambda handler, a quarter',
    'nginx → node, a quarter',
    'gitfn, Lambda handler, an eighth',
  ]).map((figure) => ({
    ...figure,
    why: 'docs/decisions/0032-what-the-last-percentile-waits-for.md',
  })),
  ...rowsOf('cold-bundle', 'first request to a function with a cloud SDK, 1.5 MB: ', large, [
    'gitfn, with a code cache',
    'gitfn, without',
    'node spawned for the request',
  ]).map((figure) => ({
    ...figure,
    why: 'docs/decisions/0026-workers-make-the-code-cache-of-their-function.md',
  })),
  ...rowsOf(
    'scale',
    'throughput ÷ that with 10 routes: ',
    (cells) => `${cells['× first']} (${cells['spread']})`,
    ['1,000 routes', '10,000 routes'],
  ),
  ...rowsOf(
    'scale',
    'throughput ÷ that with one data process: ',
    (cells) =>
      `${cells['× first']} (${cells['spread']}), p99 × ${cells['p99 × first']}; beside a push p99 ${cells['p99 ms beside a push']} ms, live after ${cells['push to live ms']} ms`,
    ['2 data processes'],
  ).map((figure) => ({
    ...figure,
    why: 'docs/decisions/0028-data-processes-share-one-listening-socket.md',
  })),
  ...rowsOf('overload', 'twice as many requests as can be answered: ', overload, [
    'gitfn',
    'nginx → node',
  ]).map((figure) => ({
    ...figure,
    why: 'docs/decisions/0022-a-line-that-stands-takes-nobody-more-in.md',
  })),
  ...rowsOfTls('warm hello over TLS ÷ nginx → node over TLS: ', {
    'HTTP/1.1': 'warm, HTTP/1.1',
    'HTTP/2': 'warm, HTTP/2',
  }),
  ...rowsOfTls('new connections with TLS ÷ nginx → node: ', {
    'a request each': 'a connection each',
    'a full handshake each': 'a full handshake each',
    'a resumed handshake each': 'a resumed handshake each',
  }),
  {
    title: 'first request over a new connection with TLS, worker asleep ÷ awake',
    bench: 'tls',
    row: 'first request over a new connection, ms: cold p50, warm p50, more, cold p99',
    say: (cells) =>
      `p50 ${cells['cold p50 ms']} ms ÷ ${cells['warm p50 ms']} ms: ${cells['more ms']} ms more`,
    why: WHY_TLS,
  },
  {
    title: 'ten names without a certificate, until all can be served',
    bench: 'certificates',
    row: '10 certificates',
    say: (cells) =>
      `${cells['median s']} s (${cells['spread']}), with a new account ${cells['first s']} s, ${cells['failures']} failed`,
    why: 'docs/decisions/0029-certificates-are-kept-by-a-schedule-in-the-database.md',
  },
  {
    title: 'deploys under load',
    bench: 'swap',
    row: 'gitfn',
    say: (cells) =>
      `${cells['deploys']} deploys, ${cells['requests']} requests: ${cells['failures']} failed, ${cells['stale']} answered by an old version`,
  },
  ...rowsOf('isolation', 'a neighbour’s p99 ÷ its own alone: ', timesAlone, [
    'processor: 16 workers spin',
    'memory: 16 workers churn',
    'processes: 4 workers fork',
    'log: 8 workers print',
    'connections: 900 held',
  ]).map((figure) => ({
    ...figure,
    why: 'docs/decisions/0017-who-takes-much-of-the-processor-yields.md',
  })),
  ...rowsOf('density', 'memory of ', each, ['an idle worker, hello']).map(because(WHY_COLD)),
  ...rowsOf('density', 'memory of ', each, [
    'an idle worker, after 10000 requests',
    'a bare node:http server',
    'each of 10000 sleeping deployments',
  ]),
  {
    title: 'idle platform, functions without a network (PSS)',
    bench: 'idle',
    row: 'all',
    say: (cells) =>
      Object.entries(cells)
        .map(([what, megabytes]) => `${what}: ${megabytes} MB`)
        .join('; '),
  },
];

function because(why: string): (figure: Figure) => Figure {
  return (figure) => ({ ...figure, why });
}

/** Title → what is measured of both. */
function rowsOfTls(title: string, rows: Readonly<Record<string, string>>): Figure[] {
  return Object.entries(rows).map(([name, row]) => ({
    title: title + name,
    bench: 'tls',
    row: `${row}: gitfn`,
    say: (cells) =>
      `${times('nginx → node')(cells)}, ${cells['per second']} a second, ${cells['server µs each']} µs each`,
    why: WHY_TLS,
  }));
}

function rowsOf(bench: string, title: string, say: Figure['say'], rows: string[]): Figure[] {
  return rows.map((row) => ({ title: title + row, bench, row, say }));
}

/** Markdown; what was not measured has no line, and every line says when and on what it was. */
export function figuresTable(results: ReadonlyMap<string, StoredResult>): string {
  const titles = new Set(FIGURES.map(({ title }) => title));
  const lost = Object.keys(AIMS).find((title) => !titles.has(title));
  if (lost !== undefined) throw new Error(`no figure has the title of this aim: ${lost}`);
  const usual = usualMachine([...results.values()]);
  const lines = FIGURES.flatMap(({ title, bench, row, say, why }) => {
    const result = results.get(bench);
    const cells = result?.rows.find(({ name }) => name === row)?.columns;
    if (result === undefined || cells === undefined) return [];
    const measured = say(cells);
    if (measured.includes('undefined')) throw new Error(`${bench} has no column for: ${title}`);
    const more = why === undefined ? '' : ` ([why](${why}))`;
    const machine = machineOf(result);
    const when = machine === usual ? whenOf(result) : `${whenOf(result)}, on ${machine}`;
    return [`| ${title}${more} | ${measured} | ${AIMS[title] ?? ''} | ${when} |`];
  });
  const head = ['| figure | measured | aim | when |', '| --- | --- | --- | --- |'];
  return [`Measured on ${usual}.`, '', ...head, ...lines].join('\n');
}

export function conditionsOf(result: StoredResult): string {
  return `${machineOf(result)}; ${whenOf(result)}`;
}

function machineOf({ conditions }: StoredResult): string {
  const { cores, cpu, kernel, node } = conditions;
  return `${cores} × ${cpu}, Linux ${kernel}, Node ${node}`;
}

/** Load is the machine's own before the bench began. */
function whenOf({ at, conditions }: StoredResult): string {
  return `${at.slice(0, 10)}, load ${conditions['load']}`;
}

function usualMachine(results: readonly StoredResult[]): string {
  const counts = new Map<string, number>();
  for (const result of results) {
    const machine = machineOf(result);
    counts.set(machine, (counts.get(machine) ?? 0) + 1);
  }
  const [most] = [...counts].toSorted(([, one], [, other]) => other - one);
  return most?.[0] ?? 'no machine yet';
}
