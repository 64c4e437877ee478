import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

/** What Node's own client says first to a server of that name. */
export async function firstMessage(
  servername: string,
  options: tls.ConnectionOptions = {},
): Promise<Buffer> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const client = tls.connect({ port, host: '127.0.0.1', servername, ...options });
  client.on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [net.Socket];
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}
