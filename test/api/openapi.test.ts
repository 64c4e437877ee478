import { Validator } from '@seriousme/openapi-schema-validator';
import { beforeAll, expect, it } from 'vitest';
import { createFindUndeclared } from '../support/declared-answers.ts';
import { type OpenApiDocument, readOpenApiDocument } from '../support/openapi-document.ts';

let document: OpenApiDocument;
beforeAll(async () => {
  document = JSON.parse(JSON.stringify(await readOpenApiDocument())) as OpenApiDocument;
});

it('describes the API as OpenAPI 3.1 has it', async () => {
  const { valid, errors } = await new Validator().validate({ ...document });
  expect(errors).toBeUndefined();
  expect(valid).toBe(true);
});

it('is refused where it does not', async () => {
  const { paths, ...others } = document;
  const [, methods] = Object.entries(paths)[0] ?? [];
  const wrong = { ...others, paths: { 'no-slash': methods } };
  expect((await new Validator().validate(wrong)).valid).toBe(false);
});

const OK = { 'content-type': 'application/json; charset=utf-8' };
const PROBLEM = { 'content-type': 'application/problem+json' };
const problem = {
  type: 'about:blank',
  title: 'Not Found',
  status: 404,
  detail: 'there is none',
  code: 'not-found',
  instance: 'req-1',
};

it.each([
  ['GET', '/whoami', 201, OK, '{}', 'whoAmI answers 201, which is not described'],
  ['GET', '/whoami?x', 200, { 'content-type': 'text/html' }, '', 'as "text/html", not as'],
  ['GET', '/whoami', 200, OK, '{}', "must have required property 'tokenId'"],
  ['GET', '/whoami', 404, OK, JSON.stringify(problem), 'as "application/json", not as'],
  ['GET', '/apps/a/access', 404, PROBLEM, '{"title":"x"}', 'must have required property'],
  ['GET', '/certificates/authority', 200, OK, '{}', 'getAuthority answers 200'],
  ['DELETE', '/tokens/tok-1', 204, {}, 'gone', 'with a body'],
  [
    'GET',
    '/apps/a/pushes/p/output',
    200,
    { 'content-type': 'application/x-ndjson' },
    '{"line":1}\n',
    'must be string',
  ],
])('has no answer to %s %s like: %i %j %s', (method, path, status, headers, body, told) => {
  const found = createFindUndeclared(document)({ method, path }, { status, headers, body });
  expect(found).toContain(told);
});

it('has the problems that every operation may answer', () => {
  const request = { method: 'GET', path: '/apps/a/access' };
  const answer = { status: 404, headers: PROBLEM, body: JSON.stringify(problem) };
  expect(createFindUndeclared(document)(request, answer)).toBeNull();
});
