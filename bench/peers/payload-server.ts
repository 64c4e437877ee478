/** What the function of payload.ts does, from a plain node:http server: 1 MB, or how many bytes came. */
import http from 'node:http';

const [listen = ''] = process.argv.slice(2);
const body = Buffer.alloc(1024 * 1024, 'x');

const server = http.createServer((request, response) => {
  if (request.method !== 'POST') {
    response.writeHead(200, { 'content-length': body.length });
    response.end(body);
    return;
  }
  let bytes = 0;
  request.on('data', (chunk: Buffer) => (bytes += chunk.length));
  request.on('end', () => response.end(String(bytes)));
});
server.on('listening', () => process.stdout.write('ready\n'));
if (/^\d+$/.test(listen)) server.listen(Number(listen), '127.0.0.1');
else server.listen(listen);
