/** node-git-server by itself: accepts every push, builds nothing. Prints `ready <port>`. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Git } from 'node-git-server';

const folder = mkdtempSync(join(tmpdir(), 'gitfn-bare-git-'));
execFileSync('git', ['init', '-q', '--bare', join(folder, 'bench.git')]);
const git = new Git(() => join(folder, 'bench.git'), { autoCreate: false });
const server = http.createServer((request, response) => git.handle(request, response));
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`ready ${(server.address() as AddressInfo).port}\n`);
});
process.on('SIGTERM', () => {
  rmSync(folder, { recursive: true, force: true });
  process.exit(0);
});
