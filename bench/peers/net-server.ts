/** The same answer as node-server.ts from `node:net`: what is left when nothing of HTTP is read. Prints `ready`. */
import net from 'node:net';

const [port = '0'] = process.argv.slice(2);
const body = '{"message":"Hello World"}';
const head =
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n` +
  `date: ${new Date().toUTCString()}\r\nconnection: keep-alive\r\nkeep-alive: timeout=5\r\n\r\n`;

net
  .createServer({ noDelay: true }, (socket) => {
    socket.on('data', () => void socket.write(head + body, 'latin1'));
    socket.on('error', () => {});
  })
  .listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
