/**
 * The operator's provider of identities, as OpenID Connect Core 1.0 has it. Every call has a deadline and a bounded
 * answer, none is redirected, and none goes anywhere but to the issuer or to public hosts by HTTPS that it names itself.
 */
import { isIP } from 'node:net';
import { createRemoteJWKSet, customFetch, jwtVerify, type JWTPayload } from 'jose';
import type { OidcIdentity } from '../model/oidc-rule.ts';
import { isPublicName } from '../model/public-name.ts';
import { PlatformError } from '../protocol/errors.ts';

export interface OidcClient {
  issuer: string;
  clientId: string;
  /** Null for a public client, which PKCE alone protects. */
  clientSecret: string | null;
}

/** What came back to the client's machine, to be exchanged (RFC 6749 section 4.1.3, RFC 7636). */
export interface OidcCode {
  code: string;
  codeVerifier: string;
  redirectUri: string;
  nonce: string;
}

export interface OidcProvider {
  /** Where people log in, and what is asked for there. @throws PlatformError unavailable */
  authorization(): Promise<{ endpoint: string; scope: string }>;
  /** @throws PlatformError unauthenticated for what the provider does not vouch for; unavailable */
  identify(code: OidcCode): Promise<OidcIdentity>;
}

const CALL_MS = 10_000;
const MAX_ANSWER_BYTES = 256 * 1024;
const DISCOVERY_MS = 3_600_000;
/** Signatures by a key that only the provider has: never `none`, never one that the client's secret would make. */
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const CLOCK_TOLERANCE_S = 30;
const MAX_TOKEN_AGE_S = 600;
const MAX_GROUPS = 1_000;

interface Discovery {
  authorization: { endpoint: string; scope: string };
  tokenEndpoint: URL;
  userinfoEndpoint: URL | null;
  keys: ReturnType<typeof createRemoteJWKSet>;
}

export function createOidcProvider(client: OidcClient, now: () => number): OidcProvider {
  let known: { discovery: Promise<Discovery>; untilMs: number } | null = null;

  function discover(): Promise<Discovery> {
    if (known !== null && now() < known.untilMs) return known.discovery;
    const discovery = readDiscovery(client.issuer);
    known = { discovery, untilMs: now() + DISCOVERY_MS };
    discovery.catch(() => (known = null));
    return discovery;
  }

  async function verify(idToken: string, nonce: string, keys: Discovery['keys']) {
    const { payload } = await jwtVerify(idToken, keys, {
      issuer: client.issuer,
      audience: client.clientId,
      algorithms: ALGORITHMS,
      clockTolerance: CLOCK_TOLERANCE_S,
      maxTokenAge: MAX_TOKEN_AGE_S,
      requiredClaims: ['sub', 'exp', 'iat', 'nonce'],
      currentDate: new Date(now()),
    }).catch((cause: unknown) => {
      throw notVouched('its ID token is not valid', cause);
    });
    // Section 3.1.3.7: made for this client, and in answer to this very request.
    const isForOthers = Array.isArray(payload.aud) && payload.aud.length > 1;
    const isOurs = (payload['azp'] ?? (isForOthers ? null : client.clientId)) === client.clientId;
    if (!isOurs || payload['nonce'] !== nonce) throw notVouched('its ID token is for another');
    return payload;
  }

  return {
    authorization: async () => (await discover()).authorization,
    async identify(code) {
      const { tokenEndpoint, userinfoEndpoint, keys } = await discover();
      const tokens = await exchange(client, tokenEndpoint, code);
      const claims = await verify(tokens.idToken, code.nonce, keys);
      const more =
        userinfoEndpoint === null || tokens.accessToken === null
          ? {}
          : await readUserinfo(userinfoEndpoint, tokens.accessToken, claims.sub);
      return toIdentity({ ...more, ...claims });
    },
  };
}

async function readDiscovery(issuer: string): Promise<Discovery> {
  const url = new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  const said = await readJson(await call(url));
  // OpenID Connect Discovery 1.0 section 4.3: whoever answers must be who was asked.
  if (said['issuer'] !== issuer) throw odd(`it calls itself ${String(said['issuer'])}`);
  const endpoint = (name: string): URL => {
    const found = URL.parse(typeof said[name] === 'string' ? said[name] : '');
    if (found === null || !mayBeCalled(found, new URL(issuer)))
      throw odd(`its ${name} cannot be used`);
    return found;
  };
  return {
    authorization: { endpoint: endpoint('authorization_endpoint').href, scope: scopeOf(said) },
    tokenEndpoint: endpoint('token_endpoint'),
    userinfoEndpoint:
      said['userinfo_endpoint'] === undefined ? null : endpoint('userinfo_endpoint'),
    keys: createRemoteJWKSet(endpoint('jwks_uri'), {
      timeoutDuration: CALL_MS,
      [customFetch]: (target) => call(new URL(target)),
    }),
  };
}

/** Some tell groups by a scope of their own; others refuse scopes that they do not know. */
function scopeOf({ scopes_supported: known }: Record<string, unknown>): string {
  return Array.isArray(known) && known.includes('groups') ? 'openid email groups' : 'openid email';
}

function mayBeCalled(url: URL, issuer: URL): boolean {
  if (url.username !== '' || url.password !== '') return false;
  if (url.origin === issuer.origin) return true;
  return url.protocol === 'https:' && isIP(url.hostname) === 0 && isPublicName(url.hostname);
}

async function exchange(
  { clientId, clientSecret }: OidcClient,
  endpoint: URL,
  { code, codeVerifier, redirectUri }: OidcCode,
): Promise<{ idToken: string; accessToken: string | null }> {
  const form = new URLSearchParams({
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    code_verifier: codeVerifier,
    ...(clientSecret === null && { client_id: clientId }),
  });
  const response = await call(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
      ...(clientSecret !== null && { authorization: basic(clientId, clientSecret) }),
    },
    body: form.toString(),
  });
  const said = await readJson(response);
  const { id_token: idToken, access_token: accessToken } = said;
  if (!response.ok || typeof idToken !== 'string') {
    throw notVouched(`it answered ${response.status} ${shown(said['error'])}`);
  }
  return { idToken, accessToken: typeof accessToken === 'string' ? accessToken : null };
}

/** RFC 6749 section 2.3.1: each part is form-encoded first. */
function basic(clientId: string, clientSecret: string): string {
  const pair = [clientId, clientSecret].map((part) => encodeURIComponent(part)).join(':');
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

/** Section 5.3: many providers tell the address and the groups only here. */
async function readUserinfo(
  endpoint: URL,
  accessToken: string,
  subject: string | undefined,
): Promise<JWTPayload> {
  const headers = { authorization: `Bearer ${accessToken}`, accept: 'application/json' };
  const response = await call(endpoint, { headers });
  if (!response.ok) return {};
  const said = await readJson(response);
  // Section 5.3.2: an answer about somebody else must not be used.
  if (said['sub'] !== subject) throw notVouched('it tells of somebody else');
  return said;
}

function toIdentity(claims: JWTPayload): OidcIdentity {
  const { email, email_verified: isVerified, groups } = claims;
  return {
    email: typeof email === 'string' && isVerified === true ? email : null,
    groups: Array.isArray(groups)
      ? groups.slice(0, MAX_GROUPS).filter((group) => typeof group === 'string')
      : [],
  };
}

/** @throws PlatformError unavailable */
async function call(url: URL, init: RequestInit = {}): Promise<Response> {
  try {
    const signal = AbortSignal.timeout(CALL_MS);
    const response = await fetch(url, { ...init, redirect: 'error', signal });
    const { status } = response;
    return new Response(await readBounded(response), { status });
  } catch (cause) {
    const message = 'the provider of identities does not answer';
    throw new PlatformError('unavailable', message, { hint: 'try again in a moment', cause });
  }
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

async function readJson(response: Response): Promise<Record<string, unknown>> {
  const text = await response.text();
  try {
    const said: unknown = JSON.parse(text);
    if (typeof said === 'object' && said !== null) return said as Record<string, unknown>;
  } catch {
    // What it is instead is told below.
  }
  throw odd(`it answered ${response.status} and no JSON`);
}

function shown(text: unknown): string {
  return typeof text === 'string' && /^[\w-]{1,60}$/.test(text) ? text : '';
}

function odd(what: string): PlatformError {
  return new PlatformError('unavailable', `the provider of identities cannot be used: ${what}`, {
    hint: 'the operator looks at FN_OIDC_ISSUER (docs/access.md)',
  });
}

function notVouched(what: string, cause?: unknown): PlatformError {
  const message = `the provider of identities does not vouch for this login: ${what}`;
  return new PlatformError('unauthenticated', message, {
    hint: 'log in once more: fn login URL --oidc',
    cause,
  });
}
