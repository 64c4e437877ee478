/** Applications of the frameworks that people use, unmodified. */
import type { ConformanceCase } from './conformance-case.ts';

const JSON_BODY = { 'content-type': 'application/json' };
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

export const FRAMEWORK_CASES: readonly ConformanceCase[] = [
  {
    name: 'Express routes, and reads query and address',
    fixture: 'express',
    request: { path: '/users/7?a=1' },
    expected: {
      status: 200,
      headers: { 'x-seen': 'http', 'x-powered-by': 'Express' },
      json: { id: '7', query: { a: '1' }, ip: '127.0.0.1' },
    },
  },
  {
    name: 'Express parses JSON',
    fixture: 'express',
    request: { method: 'POST', path: '/json', headers: JSON_BODY, body: '{ "a": 1 }' },
    expected: { status: 201, json: { got: { a: 1 } } },
  },
  {
    name: 'Express parses JSON that comes in chunks',
    fixture: 'express',
    request: { method: 'POST', path: '/json', headers: JSON_BODY, body: ['{ "a"', ': 1 }'] },
    expected: { status: 201, json: { got: { a: 1 } } },
  },
  {
    name: 'Express sets cookies',
    fixture: 'express',
    request: { path: '/cookie' },
    expected: { status: 200, headers: { 'set-cookie': ['session=a%20b; Path=/; HttpOnly'] } },
  },
  {
    name: 'Express redirects',
    fixture: 'express',
    request: { path: '/redirect' },
    expected: { status: 302, headers: { location: '/users/1' } },
  },
  {
    name: 'Express answers HEAD',
    fixture: 'express',
    request: { method: 'HEAD', path: '/file' },
    expected: { status: 200, headers: { 'content-length': '6' }, body: '' },
  },
  {
    name: 'Express finds nothing',
    fixture: 'express',
    request: { path: '/nowhere' },
    expected: { status: 404 },
  },
  {
    name: 'Express hands what is thrown to its error handler',
    fixture: 'express',
    request: { path: '/throws' },
    expected: { status: 500, json: { handled: 'for the error handler' } },
  },
  {
    name: 'Express hands what rejects to its error handler',
    fixture: 'express',
    request: { path: '/rejects' },
    expected: { status: 500, json: { handled: 'for the error handler too' } },
  },
  {
    name: 'an exported Express app parses forms itself',
    fixture: 'express-export',
    request: { method: 'POST', path: '/form?q=1', headers: FORM, body: 'a[b]=1&a[c]=2' },
    expected: { status: 200, json: { body: { a: { b: '1', c: '2' } }, query: { q: '1' } } },
  },
  {
    name: 'Koa answers JSON',
    fixture: 'koa',
    request: { path: '/x?a=1' },
    expected: {
      status: 200,
      json: { path: '/x', query: { a: '1' }, ip: '127.0.0.1', secure: false },
    },
  },
  {
    name: 'Koa streams',
    fixture: 'koa',
    request: { path: '/stream' },
    expected: { status: 200, body: 'koa stream' },
  },
  {
    name: 'Koa turns its errors into answers',
    fixture: 'koa',
    request: { path: '/throw' },
    expected: { status: 418, body: 'short' },
  },
  {
    name: 'an exported Koa app serves',
    fixture: 'koa-export',
    request: { method: 'DELETE' },
    expected: { status: 202, body: 'exported DELETE' },
  },
  {
    name: 'Fastify routes',
    fixture: 'fastify',
    request: { path: '/users/7' },
    expected: { status: 200, json: { id: '7', ip: '127.0.0.1' } },
  },
  {
    name: 'Fastify validates',
    fixture: 'fastify',
    request: { method: 'POST', path: '/items', headers: JSON_BODY, body: '{}' },
    expected: { status: 400, json: { code: 'FST_ERR_VALIDATION' } },
  },
  {
    name: 'Fastify parses',
    fixture: 'fastify',
    request: { method: 'POST', path: '/items', headers: JSON_BODY, body: ['{"name"', ':"x"}'] },
    expected: { status: 201, json: { name: 'x' } },
  },
  {
    name: 'an exported Fastify instance loads its plugins',
    fixture: 'fastify-export',
    request: { path: '/inside' },
    expected: { status: 200, json: { plugin: 'loaded' } },
  },
  {
    name: 'Hono answers',
    fixture: 'hono',
    expected: { status: 200, body: 'Hello Hono' },
  },
  {
    name: 'Hono routes',
    fixture: 'hono',
    request: { path: '/users/%C3%BC?q=1' },
    expected: { status: 200, json: { id: 'ü', q: '1' } },
  },
  {
    name: 'Hono parses forms',
    fixture: 'hono',
    request: { method: 'POST', path: '/form', headers: FORM, body: 'a=1' },
    expected: { status: 200, json: { a: '1' } },
  },
  {
    name: 'Hono on its Node server streams',
    fixture: 'hono-node',
    request: { path: '/stream' },
    expected: { status: 200, body: 'first second' },
  },
  {
    name: 'Hono on its Node server takes bodies',
    fixture: 'hono-node',
    request: { method: 'POST', path: '/echo', body: new Uint8Array([0, 1, 255]) },
    expected: {
      status: 200,
      headers: { 'x-from': 'node-server' },
      body: new Uint8Array([0, 1, 255]),
    },
  },
  {
    name: 'serverless-http gets the body as it came',
    fixture: 'serverless-http',
    request: { method: 'POST', path: '/json', headers: JSON_BODY, body: '{  "a" : 1 }' },
    expected: { status: 200, json: { got: { a: 1 } } },
  },
  {
    name: 'serverless-http answers',
    fixture: 'serverless-http',
    request: { path: '/hello/you' },
    expected: { status: 200, headers: { 'x-by': 'adapter' }, body: 'Hello you' },
  },
  {
    name: 'functions-framework gives query …',
    fixture: 'functions-framework',
    request: { path: '/?name=you' },
    expected: { status: 200, body: 'Hello you!' },
  },
  {
    name: '… and body',
    fixture: 'functions-framework',
    request: { method: 'POST', headers: JSON_BODY, body: '{"name":"me"}' },
    expected: { status: 200, body: 'Hello me!' },
  },
  {
    name: '… and neither',
    fixture: 'functions-framework',
    expected: { status: 200, body: 'Hello World!' },
  },
  {
    name: 'functions-framework sets headers',
    fixture: 'functions-framework',
    request: { method: 'OPTIONS', path: '/options' },
    expected: { status: 204, headers: { 'access-control-allow-origin': '*' }, body: '' },
  },
  {
    name: 'functions-framework has the raw body',
    fixture: 'functions-framework',
    request: { method: 'POST', path: '/raw', body: new Uint8Array([9, 0, 255]) },
    expected: { status: 200, body: new Uint8Array([9, 0, 255]) },
  },
  {
    name: 'functions-framework redirects as Express does',
    fixture: 'functions-framework',
    request: { path: '/redirect' },
    expected: { status: 302, headers: { location: '/there' } },
  },
  {
    name: 'functions-framework sends a status alone',
    fixture: 'functions-framework',
    request: { path: '/sent' },
    expected: { status: 404, body: 'Not Found' },
  },
  {
    name: 'of several registered functions the named one serves',
    fixture: 'functions-named',
    request: { headers: { 'x-name': 'it' } },
    expected: { status: 200, body: 'second got it' },
  },
];
