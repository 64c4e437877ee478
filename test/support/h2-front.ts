/** TLS in front of what is tried without a door: connections that have agreed on h2. */
import tls from 'node:tls';
import { makeCertificate } from './certificates.ts';
import { listen } from './listen.ts';

export interface H2Front {
  port: number;
  close(): void;
}

export async function startH2Front(accept: (socket: tls.TLSSocket) => void): Promise<H2Front> {
  const { served, key } = makeCertificate('front', ['localhost']);
  const options = { key, cert: served.chain, ALPNProtocols: ['h2'] };
  const server = tls.createServer(options, accept);
  return { port: await listen(server), close: () => void server.close() };
}
