import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';

interface IdentityProvider {
  issuer: string;
  clientId: string;
  /** What a browser does with an authorization URL: logs in, consents. Resolves with the redirect to the client. */
  visit(url: string, login: string): Promise<URL>;
  close(): Promise<void>;
}

const CLIENT_ID = 'gitfn';
const MAX_STEPS = 15;

/** A real provider of identities on loopback; whoever logs in as `name` has the address `name@example.com`. */
export async function startIdentityProvider(
  clientSecret: string | null,
): Promise<IdentityProvider> {
  const server = http.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT_ID,
        ...(clientSecret === null
          ? { token_endpoint_auth_method: 'none' }
          : { client_secret: clientSecret }),
        application_type: 'native',
        redirect_uris: ['http://127.0.0.1/callback'],
        grant_types: ['authorization_code'],
        response_types: ['code'],
      },
    ],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
    scopes: ['openid', 'email', 'groups'],
    pkce: { required: () => true },
    cookies: { keys: ['a test has no secrets'] },
    findAccount: (_ctx: unknown, id: string) => ({
      accountId: id,
      claims: () => ({
        sub: id,
        email: `${id}@example.com`,
        email_verified: !id.startsWith('unverified'),
        groups: id.startsWith('ops') ? ['ops'] : [],
      }),
    }),
  });
  server.on('request', provider.callback());
  return {
    issuer,
    clientId: CLIENT_ID,
    visit,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function visit(start: string, login: string): Promise<URL> {
  const origin = new URL(start).origin;
  const cookies = new Map<string, string>();
  let next: { url: URL; form: URLSearchParams | null } = { url: new URL(start), form: null };
  for (let step = 0; step < MAX_STEPS; step++) {
    const response = await fetch(next.url, {
      method: next.form === null ? 'GET' : 'POST',
      ...(next.form !== null && { body: next.form }),
      headers: { cookie: [...cookies].map((pair) => pair.join('=')).join('; ') },
      redirect: 'manual',
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (location !== null) {
      const url = new URL(location, next.url);
      if (url.origin !== origin) return url;
      next = { url, form: null };
      continue;
    }
    const page = await response.text();
    const [, prompt] = /name="prompt" value="(\w+)"/.exec(page) ?? [];
    if (prompt === undefined) throw new Error(`${response.status}: ${page.slice(0, 2_000)}`);
    next = { url: next.url, form: new URLSearchParams({ prompt, login, password: 'any' }) };
  }
  throw new Error('the provider asks on and on');
}
