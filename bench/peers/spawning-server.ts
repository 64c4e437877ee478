/** A `node` for each request: what a function costs without anything ready. `PORT`; prints `ready`. */
import { execFile } from 'node:child_process';
import http from 'node:http';
import { join } from 'node:path';

const [port] = process.argv.slice(2);
const program = join(import.meta.dirname, 'functions/spawned.js');

const server = http.createServer((_request, response) => {
  execFile(process.execPath, [program], (error, stdout) => {
    response.writeHead(error === null ? 200 : 502, { 'content-type': 'application/json' });
    response.end(stdout);
  });
});
server.listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
