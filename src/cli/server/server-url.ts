import { PlatformError } from '../../protocol/errors.ts';

/** Hosts that never leave this machine, so that a token may travel to them in clear. */
export function isLoopback(hostname: string): boolean {
  return isLocalName(hostname) || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/** Names that always mean this machine (RFC 6761 section 6.3); the resolver need not know them. */
export function isLocalName(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost');
}

/**
 * A server's URL in its one normal form, `<scheme>://<host>[:<port>]`, as credentials are kept by it.
 * @throws PlatformError bad-request
 */
export function normalServerUrl(text: string): string {
  const url = parse(text.includes('://') ? text : `${guessScheme(text)}://${text}`);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new PlatformError('bad-request', `${text} is no http or https URL`, {
      hint: 'a server is given as https://fn.example.com or http://localhost:3000',
    });
  }
  if (url.username !== '' || url.password !== '') {
    throw new PlatformError('bad-request', 'a server URL must not hold a user name or token', {
      hint: 'give the token with --token-file, or in FN_TOKEN',
    });
  }
  if (url.pathname !== '/' || url.search !== '') {
    throw new PlatformError('bad-request', `${text} has a path, and a server has none`, {
      hint: `did you mean ${url.origin} ?`,
    });
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    throw new PlatformError('bad-request', `${text} would carry the token in clear`, {
      hint: `use https://${url.host}`,
    });
  }
  return url.origin;
}

/** URL.parse, which the oldest Node that runs this has not. */
function parse(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

function guessScheme(host: string): 'http' | 'https' {
  return isLoopback(host.replace(/:\d+$/, '')) ? 'http' : 'https';
}
