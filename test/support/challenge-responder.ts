/** Stands in for data: answers the challenges of the index that was written last, as an authority looks for them. */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createSecureContext, createServer as createTlsServer } from 'node:tls';
import type { AcmeChallenge, CertificateIndex } from '../../src/protocol/certificates.ts';

export interface ChallengeResponder {
  index: CertificateIndex;
  /** Generations that were taken over. */
  applied: number[];
  close(): void;
}

export async function startChallengeResponder(ports: {
  httpPort: number;
  tlsPort: number;
}): Promise<ChallengeResponder> {
  const responder = {
    index: { generation: 0, certificates: [], challenges: [] } as CertificateIndex,
    applied: [],
    close: () => {
      http.close();
      tls.close();
    },
  };
  const http = createHttpServer((request, response) => {
    const host = (request.headers.host ?? '').replace(/:\d+$/, '');
    const token = request.url?.replace('/.well-known/acme-challenge/', '');
    const found = responder.index.challenges.find(
      (one) => one.kind === 'http-01' && one.host === host && one.token === token,
    );
    response.statusCode = found === undefined ? 404 : 200;
    response.end(found?.kind === 'http-01' ? found.keyAuthorization : '');
  });
  const tls = createTlsServer({
    ALPNProtocols: ['acme-tls/1'],
    SNICallback: (name, done) => {
      const found = responder.index.challenges.find(
        (one): one is AcmeChallenge & { kind: 'tls-alpn-01' } =>
          one.kind === 'tls-alpn-01' && one.host === name,
      );
      if (found === undefined) done(new Error('unknown'));
      else done(null, createSecureContext({ cert: found.certificate, key: found.key }));
    },
  });
  tls.on('tlsClientError', () => {});
  http.listen(ports.httpPort, '127.0.0.1');
  tls.listen(ports.tlsPort, '127.0.0.1');
  await Promise.all([once(http, 'listening'), once(tls, 'listening')]);
  return responder;
}
