/**
 * What a figure is to reach, by its title in the table. They were set on a machine on which an empty Node starts in 30 ms and
 * `node:http` answers 80,000 requests a second; where one is missed, a decision record says why.
 */
export const AIMS: Readonly<Record<string, string>> = {
  'the sandbox’s cost: warm hello, with it ÷ without': '≥ 0.90',
  'the sandbox’s cost: cold start, median': '≤ 1 ms more',
  'warm hello ÷ nginx → node: gitfn, Lambda handler': '≥ 1.3 ×',
  'warm hello ÷ nginx → @hono/node-server: gitfn, web handler': '≥ 1.2 ×',
  'first request, worker asleep: gitfn, lambda handler': 'p50 ≤ 3 ms, p99 ≤ 10 ms',
  'first request, worker asleep: gitfn, web handler': 'p50 ≤ 3 ms, p99 ≤ 10 ms',
  'the same beside who else sleeps: gitfn, Lambda handler': 'ahead of all',
  '50 first requests at once: gitfn, 8 zygotes': 'p99 ≤ 1,000 ms, none failed',
  '50 first requests at once: gitfn, 50 zygotes': 'p99 ≤ 100 ms, none failed',
  '1 MiB responses, gitfn': '≥ 0.7 ×',
  '1 GiB upload, 128 MB worker, gitfn': '≤ 300 MiB',
  'latency added: gitfn, Lambda handler, half load': 'p50 ≤ 0.25 ms, p99 ≤ 2 ms',
  'first request to a function with a cloud SDK, 1.5 MB: gitfn, with a code cache':
    '≤ 6 ms beside its own',
  'twice as many requests as can be answered: gitfn': '≥ 0.9, p99 ≤ 50 ms, ≤ 2 s',
  'warm hello over TLS ÷ nginx → node over TLS: HTTP/1.1': '≥ 1.0 ×',
  'warm hello over TLS ÷ nginx → node over TLS: HTTP/2': '≥ 1.0 ×',
  'first request over a new connection with TLS, worker asleep ÷ awake': '≤ 3 ms more',
  'ten names without a certificate, until all can be served': '≤ 5 s',
  '50 pushes of 10 apps at once ÷ in turn, processor time': '≤ 2 ×, all answered',
  'push of 100 MB ÷ the same to `git http-backend`': '≤ 1.5 ×, ≤ 150 MB',
  'reads of the API, 200 a second, functions at half load: all of them': 'p99 ≤ 25 ms',
  'throughput of functions beside these reads ÷ without': '≥ 0.95',
  'deploys under load': 'none failed, none old',
  'a neighbour’s p99 ÷ its own alone: processor: 16 workers spin': '≤ 2 ×',
  'a neighbour’s p99 ÷ its own alone: memory: 16 workers churn': '≤ 2 ×',
  'a neighbour’s p99 ÷ its own alone: processes: 4 workers fork': '≤ 2 ×',
  'a neighbour’s p99 ÷ its own alone: log: 8 workers print': '≤ 2 ×',
  'a neighbour’s p99 ÷ its own alone: connections: 900 held': '≤ 2 ×',
  'memory of an idle worker, hello': '≤ 14 MB',
  'memory of an idle worker, after 10000 requests': '≤ 20 MB',
  'memory of each of 10000 sleeping deployments': '≤ 60 KB',
};
