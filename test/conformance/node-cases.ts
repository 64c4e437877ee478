/** `(req, res)` and servers that listen: what Node's own server would answer. */
import type { ConformanceCase } from './conformance-case.ts';

const JSON_BODY = { 'content-type': 'application/json' };
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const FAILED = { status: 502, json: { error: 'The function failed' } };

const FUNCTIONS: ConformanceCase[] = [
  {
    name: 'a function of request and response sees the connection',
    fixture: 'node-default',
    request: { method: 'PURGE', path: '/facts' },
    expected: {
      status: 200,
      json: { method: 'PURGE', version: '1.1', peer: '127.0.0.1', encrypted: false, raw: 0 },
    },
  },
  {
    name: 'a request can be read as a stream',
    fixture: 'node-default',
    request: { method: 'POST', path: '/upload', body: 'x'.repeat(2 * 1024 * 1024) },
    expected: { status: 200, headers: { 'content-type': 'text/plain' }, body: '2097152' },
  },
  {
    name: 'a request can be piped into its response',
    fixture: 'node-default',
    request: { method: 'POST', path: '/pipe', body: ['some ', 'more'] },
    expected: { status: 200, body: 'some more' },
  },
  {
    name: 'a status that was set is sent',
    fixture: 'node-default',
    request: { path: '/else' },
    expected: { status: 404, headers: { 'content-length': '13' }, body: 'no such thing' },
  },
  {
    name: 'the query has the parameters of the path, and lists of what is there twice',
    fixture: 'node-module',
    request: {
      path: '/api/ann?do=facts&a=1&a=2&__proto__=x',
      headers: { cookie: 'one=1; two=a%20b; one=later; three="q"' },
    },
    expected: {
      status: 202,
      headers: { 'content-type': 'application/json; charset=utf-8' },
      json: {
        query: { user: 'ann', a: ['1', '2'] },
        cookies: { one: '1', two: 'a b', three: 'q' },
      },
    },
  },
  {
    name: 'a JSON body is parsed',
    fixture: 'node-module',
    request: { method: 'POST', path: '/api/a?do=body', headers: JSON_BODY, body: '{"a":[1]}' },
    expected: { status: 200, json: { body: { a: [1] }, type: 'object' } },
  },
  {
    name: 'a form is parsed, chunked too',
    fixture: 'node-module',
    request: { method: 'POST', path: '/api/a?do=body', headers: FORM, body: ['a=1&', 'b=%20'] },
    expected: { status: 200, json: { body: { a: '1', b: ' ' }, type: 'object' } },
  },
  {
    name: 'a text is a text',
    fixture: 'node-module',
    request: {
      method: 'POST',
      path: '/api/a?do=body',
      headers: { 'content-type': 'text/plain' },
      body: 'a text',
    },
    expected: { status: 200, json: { body: 'a text', type: 'string' } },
  },
  {
    name: 'a request without a body has none',
    fixture: 'node-module',
    request: { path: '/api/a?do=body' },
    expected: { status: 200, json: { type: 'undefined' } },
  },
  {
    name: 'JSON that is none is the fault of the client',
    fixture: 'node-module',
    request: { method: 'POST', path: '/api/a?do=body', headers: JSON_BODY, body: '{' },
    expected: { status: 400, json: { error: 'Invalid JSON' } },
  },
  {
    name: 'send makes JSON of an object',
    fixture: 'node-module',
    request: { path: '/api/a?do=send-object' },
    expected: { status: 200, body: '{"sent":true}' },
  },
  {
    name: 'send takes a text for HTML',
    fixture: 'node-module',
    request: { path: '/api/a?do=send-text' },
    expected: { status: 200, headers: { 'content-type': 'text/html; charset=utf-8' } },
  },
  {
    name: 'an answer to HEAD tells the length',
    fixture: 'node-module',
    request: { method: 'HEAD', path: '/api/a?do=send-text' },
    expected: { status: 200, headers: { 'content-length': '11' }, body: '' },
  },
  {
    name: 'send takes bytes',
    fixture: 'node-module',
    request: { path: '/api/a?do=send-bytes' },
    expected: {
      status: 200,
      headers: { 'content-type': 'application/octet-stream' },
      body: new Uint8Array([1, 0, 255]),
    },
  },
  {
    name: 'redirect is a temporary one',
    fixture: 'node-module',
    request: { path: '/api/a?do=redirect' },
    expected: { status: 307, headers: { location: '/elsewhere?x=%C3%BC' } },
  },
  {
    name: 'redirect takes a status',
    fixture: 'node-module',
    request: { path: '/api/a?do=redirect-status' },
    expected: { status: 301, headers: { location: '/for-ever' } },
  },
  {
    name: 'no content is no content',
    fixture: 'node-module',
    request: { path: '/api/a?do=no-content' },
    expected: { status: 204, headers: { 'content-type': null }, body: '' },
  },
];

const HOSTILE: ConformanceCase[] = [
  { path: '/throws', name: 'that throws', expected: FAILED },
  { path: '/rejects-later', name: 'whose promise nobody awaits', expected: FAILED },
  { path: '/emits-error', name: 'that emits an error to nobody', expected: FAILED },
  {
    path: '/never',
    name: 'that never answers',
    expected: { status: 504, json: { error: 'Task timed out after 1.00 seconds' } },
  },
  { path: '/twice', name: 'that answers twice', expected: { status: 200, body: 'first' } },
  { path: '/send-twice', name: 'that sets headers late', expected: { status: 200, body: 'first' } },
  {
    path: '/write-after-end',
    name: 'that writes after its end',
    expected: { status: 200, body: 'the answer' },
  },
  { path: '/status-99', name: 'with a status below all', expected: FAILED },
  { path: '/status-600', name: 'with a status above all', expected: FAILED },
  {
    path: '/line-feed',
    name: 'with a line feed in a header',
    expected: { ...FAILED, headers: { 'x-a': null, 'set-cookie': null } },
  },
  { path: '/destroys', name: 'that destroys its response', expected: FAILED },
  { path: '/bad-chunk', name: 'whose body is an object', expected: FAILED },
  {
    path: '/throws-after',
    name: 'that throws after its answer',
    expected: { status: 200, body: 'sent' },
  },
  { path: '/', name: 'that has done all of this', expected: { status: 200, body: 'alive' } },
].map(({ path, name, expected }) => ({
  name: `a function ${name} is answered for`,
  fixture: 'hostile',
  request: { path },
  expected,
}));

const SERVER: ConformanceCase[] = [
  {
    name: 'headers may be lists',
    fixture: 'http-server',
    request: { path: '/arrays' },
    expected: {
      status: 200,
      headers: { 'set-cookie': ['a=1', 'b=2'], 'x-list': 'c, d, e' },
      json: { 'set-cookie': ['a=1', 'b=2'], 'x-list': ['c', 'd', 'e'] },
    },
  },
  {
    name: 'headers may be pairs in a row',
    fixture: 'http-server',
    request: { path: '/raw-pairs' },
    expected: {
      status: 200,
      headers: { 'x-one': '1, 2', 'content-type': 'text/plain' },
      body: 'raw',
    },
  },
  {
    name: 'a reason may stand before the headers',
    fixture: 'http-server',
    request: { path: '/reason' },
    expected: { status: 202, headers: { 'x-reason': 'none' }, body: 'ok' },
  },
  {
    name: 'headers may go out ahead',
    fixture: 'http-server',
    request: { path: '/flush' },
    expected: { status: 200, headers: { 'content-length': null }, body: 'data: 1\n\n' },
  },
  {
    name: '304 has no body, whatever is written',
    fixture: 'http-server',
    request: { path: '/not-modified' },
    expected: { status: 304, headers: { etag: '"1"' }, body: '' },
  },
  {
    name: '204 has no body, whatever is written',
    fixture: 'http-server',
    request: { path: '/no-content' },
    expected: { status: 204, headers: { 'content-length': null }, body: '' },
  },
  {
    name: 'a client that waits to continue is told to',
    fixture: 'http-server',
    request: { method: 'POST', path: '/continue', headers: { expect: '100-continue' }, body: 'go' },
    expected: { status: 200, body: 'go' },
  },
  {
    name: 'trailers follow the body, but for those that are none',
    fixture: 'http-server',
    request: { path: '/trailers' },
    expected: { status: 200, body: 'body', trailers: { 'x-checksum': 'abc' } },
  },
  {
    name: 'trailers of the request arrive, but for those that are none',
    fixture: 'http-server',
    request: {
      method: 'POST',
      path: '/request-trailers',
      headers: { trailer: 'x-sum, authorization' },
      body: ['a', 'b'],
      trailers: { 'X-Sum': 'ab', Authorization: 'Bearer x' },
    },
    expected: { status: 200, body: '{"trailers":{"x-sum":"ab"},"chunked":"chunked"}' },
  },
  {
    name: 'a large response keeps to what write allows',
    fixture: 'http-server',
    request: { path: '/large' },
    expected: { status: 200, body: 'x'.repeat(8 * 1024 * 1024) },
  },
  {
    name: 'headers that came twice can be read joined and apart',
    fixture: 'http-server',
    request: { path: '/duplicates', headers: { 'X-Twice': ['1', '2'] } },
    expected: { status: 200, json: { joined: '1, 2', apart: ['1', '2'] } },
  },
  {
    name: 'text has the encoding that it is given',
    fixture: 'http-server',
    request: { path: '/latin1' },
    expected: { status: 200, body: new Uint8Array([103, 114, 252, 223]) },
  },
  {
    name: 'the first response of a pair is told its events …',
    fixture: 'http-server',
    request: { path: '/events' },
    expected: { status: 200, body: '[]' },
  },
  {
    name: '… in their order',
    fixture: 'http-server',
    request: { path: '/events' },
    expected: { status: 200, json: ['prefinish', 'finish', 'close'] },
  },
  {
    name: 'a server has an address, and was told that it listens',
    fixture: 'http-server',
    request: { path: '/address' },
    expected: {
      status: 200,
      json: { address: '0.0.0.0', family: 'IPv4', port: 8080, listening: true, told: true },
    },
  },
  {
    name: 'any other path is as the server answers it',
    fixture: 'http-server',
    request: { method: 'OPTIONS', path: '/a%2fb?c' },
    expected: { status: 404, body: 'OPTIONS /a%2fb' },
  },
  {
    name: 'a server may come to listen later; of several the first serves',
    fixture: 'http-server-late',
    request: { path: '/x' },
    expected: { status: 200, body: 'late /x' },
  },
];

export const NODE_CASES: readonly ConformanceCase[] = [...FUNCTIONS, ...HOSTILE, ...SERVER];
