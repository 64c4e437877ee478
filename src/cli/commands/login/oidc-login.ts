import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { PlatformError } from '../../../protocol/errors.ts';
import { openBrowser } from '../../browser.ts';
import type { CommandContext } from '../../command-context.ts';
import type { ControlClient } from '../../server/control-client.ts';

const WAIT_MS = 5 * 60_000;
const SECRET_BYTES = 32;

/**
 * Logs in at the operator's provider of identities with a browser: the authorization code flow with PKCE (RFC 7636) and
 * a redirect to a port of this machine (RFC 8252). The server exchanges the code; it alone can be let in by it.
 * @throws PlatformError
 */
export async function loginByOidc(ctx: CommandContext, client: ControlClient): Promise<string> {
  const provider = await client.call('getOidcProvider');
  const verifier = newSecret();
  const asked = { state: newSecret(), nonce: newSecret() };
  const server = http.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const redirectUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`;
  const url = new URL(provider.authorization_endpoint);
  const parameters = {
    response_type: 'code',
    client_id: provider.client_id,
    redirect_uri: redirectUri,
    scope: provider.scope,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...asked,
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  ctx.output.aside(`-----> Log in with a browser on this machine: ${url.href}`);
  if (ctx.environment.hasDisplay) openBrowser(url.href);
  try {
    const code = await receiveCode(server, { state: asked.state, issuer: provider.issuer });
    const body = {
      code,
      code_verifier: verifier,
      redirect_uri: redirectUri,
      nonce: asked.nonce,
      host_name: hostname(),
    };
    return (await client.call('loginByOidc', { body })).token;
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

/** What the browser brings back. Whatever does not know the state is no answer to what was asked. */
function receiveCode(
  server: http.Server,
  expected: { state: string; issuer: string },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(notLoggedIn('nobody came back in time')), WAIT_MS);
    server.on('close', () => clearTimeout(timer));
    server.on('request', (request, response) => {
      const url = new URL(request.url ?? '/', 'http://127.0.0.1');
      const answer = url.searchParams;
      if (url.pathname !== '/callback' || answer.get('state') !== expected.state) {
        response.writeHead(404).end();
        return;
      }
      // RFC 9207: another provider that was made to answer.
      const isOther = (answer.get('iss') ?? expected.issuer) !== expected.issuer;
      const code = isOther ? null : answer.get('code');
      const text = code === null ? 'Not logged in.' : 'This page can be closed.';
      response.writeHead(200, { 'content-type': 'text/plain', connection: 'close' });
      response.end(`${text} The command line has the rest.\n`);
      if (code !== null) resolve(code);
      else reject(notLoggedIn(`the provider says ${errorOf(answer)}`));
    });
  });
}

/** A page may have made it up, for a terminal to obey. */
function errorOf(answer: URLSearchParams): string {
  const error = answer.get('error') ?? '';
  return /^[a-z_]{1,60}$/.test(error) ? error : 'nothing of use';
}

function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}

function notLoggedIn(what: string): PlatformError {
  return new PlatformError('unauthenticated', `not logged in: ${what}`, {
    hint: 'once more, or without a browser on this machine: fn login URL --device',
  });
}
