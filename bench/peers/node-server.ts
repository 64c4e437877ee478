/** The peer that a function is compared with: the same answer from a plain node:http server. `LISTEN` is a port or a path. */
import http from 'node:http';

const [listen = ''] = process.argv.slice(2);
const body = '{"message":"Hello World"}';

const server = http.createServer((_request, response) => {
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
});
server.on('listening', () => process.stdout.write('ready\n'));
if (/^\d+$/.test(listen)) server.listen(Number(listen), '127.0.0.1');
else server.listen(listen);
