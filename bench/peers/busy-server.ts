/** A server whose every request keeps the processor for 2 ms. `LISTEN` is a port or a path. */
import http from 'node:http';

const [listen = ''] = process.argv.slice(2);
const body = '{"message":"Hello World"}';

const BUSY_MS = 2;

const server = http.createServer((_request, response) => {
  const endsAt = performance.now() + BUSY_MS;
  while (performance.now() < endsAt);
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
});
server.on('listening', () => process.stdout.write('ready\n'));
if (/^\d+$/.test(listen)) server.listen(Number(listen), '127.0.0.1');
else server.listen(listen);
