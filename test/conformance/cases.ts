/** What every runtime answers, as data. Those of one fixture run in their order, one after the other. */
import type { ConformanceCase } from './conformance-case.ts';
import { FRAMEWORK_CASES } from './framework-cases.ts';
import { NODE_CASES } from './node-cases.ts';

const JSON_BODY = { 'content-type': 'application/json' };

const METHODS: ConformanceCase[] = [
  {
    name: 'a method is answered by its export',
    fixture: 'methods',
    request: { path: '/a%20b?x=1&x=2' },
    expected: { status: 200, json: { path: '/a%20b', query: [['x', '1'], ['x', '2']] } }, // prettier-ignore
  },
  {
    name: 'HEAD is answered by GET, without its body',
    fixture: 'methods',
    request: { method: 'HEAD' },
    expected: { status: 200, headers: { 'content-type': 'application/json' }, body: '' },
  },
  {
    name: 'bytes are echoed with their type',
    fixture: 'methods',
    request: {
      method: 'POST',
      headers: { 'content-type': 'image/x-odd' },
      body: new Uint8Array([0, 255, 10, 13, 128]),
    },
    expected: {
      status: 201,
      headers: { 'content-type': 'image/x-odd', 'content-length': '5' },
      body: new Uint8Array([0, 255, 10, 13, 128]),
    },
  },
  {
    name: 'an empty body is a body of no bytes',
    fixture: 'methods',
    request: { method: 'POST', headers: { 'content-length': '0' } },
    expected: { status: 201, headers: { 'content-type': 'none' }, body: '' },
  },
  {
    name: '204 has neither body nor length',
    fixture: 'methods',
    request: { method: 'DELETE' },
    expected: { status: 204, headers: { 'content-length': null }, body: '' },
  },
  {
    name: 'a method that is missing is refused with those that are there',
    fixture: 'methods',
    request: { method: 'PUT', body: 'x' },
    expected: { status: 405, headers: { allow: 'GET, POST, DELETE, HEAD' } },
  },
  {
    name: 'OPTIONS without a handler of its own is refused likewise',
    fixture: 'methods',
    request: { method: 'OPTIONS' },
    expected: { status: 405, headers: { allow: 'GET, POST, DELETE, HEAD' } },
  },
  {
    name: 'cookies stay apart, also with commas in them',
    fixture: 'methods',
    request: { path: '/cookies' },
    expected: { status: 200, headers: { 'set-cookie': ['a=1; Path=/', 'b=x,y'] } },
  },
  {
    name: 'the parameters of the path come as a promise whose fields can be read at once',
    fixture: 'next-route',
    request: { path: '/users/a%2Fb/c/d' },
    expected: { status: 200, json: { id: 'a/b', rest: 'c/d', directly: 'a/b' } },
  },
];

const WEB: ConformanceCase[] = [
  {
    name: 'fetch gets the environment and a context',
    fixture: 'fetch',
    request: { method: 'PUT', path: '/x' },
    expected: { status: 200, body: 'hello PUT /x' },
  },
  {
    name: 'what is given to waitUntil goes on after the response',
    fixture: 'fetch',
    request: { path: '/settled' },
    expected: { status: 200, json: { settled: 1 } },
  },
  {
    name: 'a text is an answer',
    fixture: 'web',
    request: { path: '/text' },
    expected: {
      status: 200,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: 'a text',
    },
  },
  {
    name: 'an object is JSON',
    fixture: 'web',
    request: { path: '/object' },
    expected: { status: 200, headers: JSON_BODY, body: '{"an":"object"}' },
  },
  {
    name: 'nothing is an empty answer',
    fixture: 'web',
    request: { path: '/nothing' },
    expected: { status: 200, body: '' },
  },
  {
    name: 'a list is JSON',
    fixture: 'web',
    request: { path: '/list' },
    expected: { status: 200, headers: JSON_BODY, body: '[1,2]' },
  },
  {
    name: 'a status that is no number is data',
    fixture: 'web',
    request: { path: '/ok' },
    expected: { status: 200, body: '{"status":"ok"}' },
  },
  {
    name: 'what is thrown stays inside',
    fixture: 'web',
    request: { path: '/throws' },
    expected: { status: 502, json: { error: 'The function failed' } },
  },
  {
    name: 'a stream is sent as it comes',
    fixture: 'web',
    request: { path: '/stream' },
    expected: { status: 200, headers: { 'content-length': null }, body: 'one two three' },
  },
  {
    name: 'a generator can be a body',
    fixture: 'web',
    request: { path: '/generator' },
    expected: { status: 200, headers: { 'content-type': 'text/plain' }, body: 'a generator' },
  },
  {
    name: 'a chunked body is streamed back',
    fixture: 'web',
    request: { method: 'POST', path: '/echo', body: ['one', 'two', 'three'] },
    expected: { status: 200, headers: { 'x-echo': 'yes' }, body: 'onetwothree' },
  },
  {
    name: 'a large body arrives whole',
    fixture: 'web',
    request: { method: 'POST', path: '/length', body: 'x'.repeat(3 * 1024 * 1024) },
    expected: { status: 200, json: { length: 3 * 1024 * 1024 } },
  },
  {
    name: 'bytes are bytes',
    fixture: 'web',
    request: { path: '/bytes' },
    expected: { status: 200, body: new Uint8Array([0, 255, 128, 10, 13]) },
  },
  {
    name: 'any status of HTTP passes',
    fixture: 'web',
    request: { path: '/teapot' },
    expected: { status: 418, body: 'short' },
  },
  {
    name: 'a redirect has its place',
    fixture: 'web',
    request: { path: '/redirect' },
    expected: { status: 303, headers: { location: 'https://example.org/x' } },
  },
  {
    name: 'JSON that is none fails the function',
    fixture: 'web',
    request: { method: 'POST', path: '/json', headers: JSON_BODY, body: '{' },
    expected: { status: 502 },
  },
  {
    name: 'headers that came twice are joined',
    fixture: 'web',
    request: { path: '/headers', headers: { 'X-A': ['1', '2'], 'X-Ab': 'é' } },
    expected: { status: 200, json: [['x-a', '1, 2'], ['x-ab', 'é']] }, // prettier-ignore
  },
  {
    name: 'the URL is that of the client',
    fixture: 'web',
    request: { path: '/url/../url?q=%2F%zz' },
    expected: { status: 200, body: 'http://web.localhost/url?q=%2F%zz' },
  },
  {
    name: 'any status may come of it',
    fixture: 'web',
    request: { path: '/%E2%82%AC' },
    expected: { status: 404, body: 'not here' },
  },
  {
    name: 'Deno.serve with options serves',
    fixture: 'deno-serve',
    request: { path: '/x' },
    expected: { status: 200, body: 'served /x to 127.0.0.1' },
  },
  {
    name: 'Deno.serve with a handler alone serves',
    fixture: 'deno-handler',
    request: { method: 'POST', body: 'loud' },
    expected: { status: 200, body: 'LOUD' },
  },
];

const LAMBDA: ConformanceCase[] = [
  {
    name: 'the event is that of the HTTP API, with the plain fields beside',
    fixture: 'lambda',
    request: {
      method: 'POST',
      path: '/a%20b?x=1&x=2&y=%20&__proto__=z',
      headers: { ...JSON_BODY, cookie: 'c=1; d=2', 'X-Twice': ['1', '2'] },
      body: '{ "data": 7 }',
    },
    expected: {
      status: 200,
      json: {
        version: '2.0',
        rawPath: '/a%20b',
        rawQueryString: 'x=1&x=2&y=%20&__proto__=z',
        cookies: ['c=1', 'd=2'],
        headers: { 'x-twice': '1,2', 'content-type': 'application/json' },
        queryStringParameters: { x: '1,2', y: ' ' },
        requestContext: {
          http: { method: 'POST', path: '/a%20b', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1' },
        },
        isBase64Encoded: false,
        method: 'POST',
        path: '/a%20b',
        query: { x: '1,2', y: ' ' },
        body: { data: 7 },
        rawBody: '{ "data": 7 }',
      },
    },
  },
  {
    name: 'a parsed body still turns into its text',
    fixture: 'lambda',
    request: { method: 'POST', path: '/parsed', headers: JSON_BODY, body: '{ "a": 1 }' },
    expected: { status: 200, json: { twice: [1, 1], raw: '{ "a": 1 }' } },
  },
  {
    name: 'bytes come as base64',
    fixture: 'lambda',
    request: {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      body: new Uint8Array([0, 255]),
    },
    expected: { status: 200, json: { body: 'AP8=', isBase64Encoded: true } },
  },
  {
    name: 'the context knows function, request and time',
    fixture: 'lambda',
    request: { path: '/context' },
    expected: {
      status: 200,
      json: {
        functionName: 'main',
        functionVersion: 'v1',
        memoryLimitInMB: '128',
        isTimeLeft: true,
        isAborted: false,
      },
    },
  },
  ...(
    [
      ['statusCode', { status: 201, headers: { 'x-made-by': 'lambda' }, body: 'made' }],
      ['status', { status: 202, body: 'accepted' }],
      ['object-body', { status: 200, headers: JSON_BODY, body: '{"a":"ü"}' }],
      [
        'base64',
        {
          status: 200,
          headers: { 'content-type': 'image/gif' },
          body: new Uint8Array([71, 73, 70, 0, 255]),
        },
      ],
      ['cookies', { status: 200, headers: { 'set-cookie': ['a=1; Path=/', 'b=2'] }, body: '' }],
      ['multi', { status: 200, headers: { 'x-one': 'a, b', 'set-cookie': ['c=3', 'd=4'] } }],
      ['string', { status: 200, body: 'just text' }],
      ['null', { status: 200, body: '' }],
      ['number', { status: 200, headers: JSON_BODY, body: '7' }],
      ['list', { status: 200, headers: JSON_BODY, body: '[1,2]' }],
      ['plain-object', { status: 200, headers: JSON_BODY, body: '{"any":"object"}' }],
      ['bad-status', { status: 502, json: { error: 'The function failed' } }],
      ['bad-header', { status: 502, headers: { 'set-cookie': null, 'x-a': null } }],
    ] as const
  ).map(([result, expected]) => ({
    name: `a result of the kind "${result}" is answered`,
    fixture: 'lambda',
    request: { path: `/${result}` },
    expected: expected as ConformanceCase['expected'],
  })),
  {
    name: 'the body of an event can be the raw text',
    fixture: 'lambda-raw',
    request: { method: 'POST', path: '/items/7', headers: JSON_BODY, body: '{ "data": 1 }' },
    expected: { status: 200, json: { type: 'string', data: 1, id: '7' } },
  },
  {
    name: 'the first answer of a callback counts',
    fixture: 'lambda-callback',
    request: { path: '/x' },
    expected: { status: 200, body: 'called back for /x' },
  },
  {
    name: 'an error in the callback fails the request',
    fixture: 'lambda-callback',
    request: { path: '/fails' },
    expected: { status: 502, json: { error: 'The function failed' } },
  },
  {
    name: 'a response stream has status, headers and cookies of its own',
    fixture: 'lambda-stream',
    expected: {
      status: 203,
      headers: {
        'content-type': 'application/x-ndjson',
        'x-custom': 'yes',
        'set-cookie': ['a=1', 'b=2'],
      },
      body: '{"n":1}\n{"n":2}\n',
    },
  },
  {
    name: 'a response stream needs no head',
    fixture: 'lambda-stream',
    request: { path: '/plain' },
    expected: { status: 200, headers: { 'content-type': 'text/plain' }, body: 'streamed text' },
  },
  {
    name: 'a response stream may end empty',
    fixture: 'lambda-stream',
    request: { path: '/empty' },
    expected: { status: 203, headers: { 'x-custom': 'yes' }, body: '' },
  },
  {
    name: 'a streaming handler that throws fails the request',
    fixture: 'lambda-stream',
    request: { path: '/throws' },
    expected: { status: 502, json: { error: 'The function failed' } },
  },
];

const PLAIN: ConformanceCase[] = [
  {
    name: 'a plain function gets the request as an object',
    fixture: 'plain',
    request: { path: '/x?a=1&a=2' },
    expected: { status: 200, json: { method: 'GET', path: '/x', query: { a: '1,2' } } },
  },
  {
    name: 'a plain function may give the parsed body back',
    fixture: 'plain',
    request: { method: 'POST', path: '/echo', headers: JSON_BODY, body: '{ "a": [1] }' },
    expected: { status: 200, headers: { 'x-type': 'application/json' }, json: { a: [1] } },
  },
  {
    name: 'a default export that was compiled to CommonJS is a web handler',
    fixture: 'compiled-esm',
    request: { path: '/x' },
    expected: { status: 200, body: 'compiled /x' },
  },
  {
    name: 'fn.json can say that a function is for Node',
    fixture: 'variadic',
    request: { path: '/x' },
    expected: { status: 200, body: 'variadic /x' },
  },
  {
    name: 'fn.json can say that a function of two parameters is for the web',
    fixture: 'forced-web',
    request: { method: 'PATCH' },
    expected: { status: 200, json: { method: 'PATCH', has: 'object' } },
  },
  {
    name: 'fn.json can say that a default export is a plain function',
    fixture: 'forced-plain',
    request: { path: '/x' },
    expected: { status: 200, body: 'plain /x' },
  },
];

export const CASES: readonly ConformanceCase[] = [
  ...METHODS,
  ...WEB,
  ...LAMBDA,
  ...PLAIN,
  ...NODE_CASES,
  ...FRAMEWORK_CASES,
];
