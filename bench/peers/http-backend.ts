/** `git http-backend` as a web server runs it, a process for each request. Prints `ready <port>`. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'gitfn-http-backend-'));
const repository = join(folder, 'bench.git');
execFileSync('git', ['init', '-q', '--bare', repository]);
execFileSync('git', ['-C', repository, 'config', 'http.receivepack', 'true']);
// What the platform asks of git for each push, so that the same work is compared.
for (const setting of ['transfer.fsckObjects=true', 'receive.unpackLimit=1', 'gc.auto=0']) {
  execFileSync('git', ['-C', repository, 'config', ...setting.split('=')]);
}
execFileSync('git', ['-C', repository, 'config', 'core.fsync', 'committed,reference']);
const GIT = execFileSync('git', ['--exec-path']).toString().trim();

const server = http.createServer((request, response) => {
  const [path = '', query = ''] = (request.url ?? '').split('?');
  const child = spawn(join(GIT, 'git-http-backend'), [], {
    env: {
      PATH: '/usr/bin:/bin',
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: path,
      QUERY_STRING: query,
      REQUEST_METHOD: request.method ?? '',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      REMOTE_ADDR: '127.0.0.1',
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.on('error', () => {});
  request.pipe(child.stdin);
  relay(child.stdout, response);
});

/** RFC 3875: header lines, `Status` among them, an empty line, the body. */
function relay(output: NodeJS.ReadableStream, response: http.ServerResponse): void {
  let head: Buffer | null = Buffer.alloc(0);
  output.on('data', (chunk: Buffer) => {
    if (head === null) {
      response.write(chunk);
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end === -1) return;
    for (const line of head.toString('latin1', 0, end).split('\r\n')) {
      const [name = '', value = ''] = line.split(': ');
      if (name === 'Status') response.statusCode = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    response.write(head.subarray(end + 4));
    head = null;
  });
  output.on('end', () => response.end());
}

server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`ready ${(server.address() as AddressInfo).port}\n`);
});
process.on('SIGTERM', () => {
  rmSync(folder, { recursive: true, force: true });
  process.exit(0);
});
