/**
 * A client that keeps so many requests under way until its standard input ends: `flood-client.ts PORT HOST PATH COUNT`.
 * What is refused or answered is asked again, but never faster than a client far away would bring it: all of them share
 * two cores here, and a loop of refusals would measure this program.
 */
import http from 'node:http';

const MAX_PER_SECOND = 500;
const TURN_MS = 10;

const [port, host, path, count] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: false });
/** That were answered, and wait for their turn. */
let idle = Number(count);

function ask(): void {
  const headers = { host };
  const request = http.get({ host: '127.0.0.1', port, path, headers, agent });
  const isOver = (): void => void idle++;
  request.on('close', isOver);
  request.on('error', () => {}); // 'close' follows.
  request.on('response', (response) => response.resume());
}

setInterval(() => {
  const turn = Math.min(idle, (MAX_PER_SECOND * TURN_MS) / 1_000);
  idle -= turn;
  for (let asked = 0; asked < turn; asked++) ask();
}, TURN_MS);
process.stdin.on('end', () => process.exit(0)).resume();
