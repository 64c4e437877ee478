import type { Answer } from '../answers.ts';

const TITLE = 'This deployment is private';
const HINT = 'ask somebody who may deploy the app for a link: fn access share';

/** The same for every host, whether there is anything behind it or not. */
const HEADERS = {
  'www-authenticate': 'FnShare realm="private deployment"',
  'cache-control': 'no-store',
  vary: 'accept',
  'x-robots-tag': 'noindex',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
};

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${TITLE}</title>
<style>
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 20vh auto; padding: 0 1rem; color-scheme: light dark }
  h1 { font-size: 1.4rem }
  code { font-size: 1em }
</style>
<h1>${TITLE}</h1>
<p>It opens with a share link. Ask somebody who may deploy the app for one; they make it with
<code>fn access share</code>.</p>
<p>A link that worked before has expired or was removed.</p>
</html>
`;

const PROBLEM = `${JSON.stringify({
  type: 'about:blank',
  title: 'Unauthorized',
  status: 401,
  code: 'private',
  detail: TITLE,
  hint: `${HINT}; a program sends its secret as x-fn-share`,
})}\n`;

/** `accept` is the header of the request. */
export function privateAnswer(accept: string): Answer {
  const isBrowser = accept.includes('text/html');
  const type = isBrowser ? 'text/html; charset=utf-8' : 'application/problem+json';
  return {
    status: 401,
    body: isBrowser ? PAGE : PROBLEM,
    headers: { ...HEADERS, 'content-type': type },
  };
}
