/**
 * The peer of web handlers: @hono/node-server with a handler that reads a header and the URL, by itself and without a
 * framework's router in between, which is its quickest form. `LISTEN` is a port or a path.
 */
import { createAdaptorServer } from '@hono/node-server';

const [listen = ''] = process.argv.slice(2);

const server = createAdaptorServer({
  fetch: (request) => {
    const { pathname } = new URL(request.url);
    const isKnown = request.headers.get('host') !== null && pathname === '/';
    return Response.json({ message: isKnown ? 'Hello World' : 'Hello' });
  },
});
server.on('listening', () => process.stdout.write('ready\n'));
if (/^\d+$/.test(listen)) server.listen(Number(listen), '127.0.0.1');
else server.listen(listen);
