/** `runPaced` in a process of its own: a JSON line with target and pace is answered by one with the result. */
import { createInterface } from 'node:readline';
import { type Pace, runPaced } from './paced-load.ts';
import type { LoadTarget } from './wrk.ts';

console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const { target, pace } = JSON.parse(line) as { target: LoadTarget; pace: Pace };
  console.log(JSON.stringify(await runPaced(target, pace)));
}
