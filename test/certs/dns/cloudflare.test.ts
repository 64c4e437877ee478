import { describe, expect, it } from 'vitest';
import { createCloudflare } from '../../../src/certs/dns/cloudflare.ts';
import { type ApiReply, type ApiRequest, playApi } from '../../support/played-api.ts';

const ZONE = 'a'.repeat(32);
const NAME = '_acme-challenge.fn.example.com';
const signal = new AbortController().signal;

interface PlayedRecord {
  id: string;
  type: string;
  name: string;
  content: string;
  ttl: number;
}

/** As the documentation of version 4 has it; what it does not have is refused. */
function playCloudflare(records: PlayedRecord[], token = 'secret') {
  const zones = [{ id: ZONE, name: 'example.com', status: 'active' }];
  let made = 0;

  const good = (result: unknown): ApiReply => {
    return { status: 200, body: { success: true, errors: [], messages: [], result } };
  };
  const bad = (status: number, code: number, message: string): ApiReply => {
    const errors = [{ code, message }];
    return { status, body: { success: false, errors, messages: [], result: null } };
  };

  function create({ headers, body }: ApiRequest): ApiReply {
    if (headers['content-type'] !== 'application/json') return bad(415, 9207, 'no JSON');
    const { type, name, content, ttl, ...rest } = JSON.parse(body) as PlayedRecord;
    if (Object.keys(rest).length > 0 || ttl < 60) return bad(400, 9005, 'odd fields');
    const isThere = records.some((one) => one.name === name && one.content === content);
    if (isThere) return bad(400, 81_058, 'An identical record already exists.');
    made += 1;
    const record = { id: `${made}`.padStart(32, '0'), type, name, content, ttl };
    records.push(record);
    return good(record);
  }

  function list({ type, name, page, per_page: perPage }: Record<string, string>): ApiReply {
    const found = records.filter((one) => one.type === type && one.name === name);
    const start = (Number(page) - 1) * Number(perPage);
    return good(found.slice(start, start + Number(perPage)));
  }

  return (request: ApiRequest): ApiReply => {
    const { method, path, query, headers } = request;
    if (headers.authorization !== `Bearer ${token}`) {
      return bad(403, 9109, 'Invalid access token');
    }
    const [, id] = /^\/zones\/a{32}\/dns_records\/(\w+)$/.exec(path) ?? [];
    if (method === 'GET' && path === '/zones') {
      return good(zones.filter(({ name }) => name === query.name));
    }
    if (path === `/zones/${ZONE}/dns_records`) {
      if (method === 'POST') return create(request);
      if (method === 'GET') return list(query);
    }
    const at = records.findIndex((one) => one.id === id);
    if (method === 'DELETE' && at !== -1) return good({ id: records.splice(at, 1)[0]?.id });
    return bad(404, 7003, 'Could not route');
  };
}

const others = (count: number): PlayedRecord[] =>
  Array.from({ length: count }, (_, index) => {
    return { id: `f${index}`, type: 'TXT', name: NAME, content: `"other ${index}"`, ttl: 300 };
  });

describe('Cloudflare', () => {
  it('adds values beside those that are there, and removes its own alone', async () => {
    const records = others(1);
    const provider = createCloudflare({ token: 'secret' }, await playApi(playCloudflare(records)));
    await provider.add({ name: NAME, value: 'one' }, signal);
    await provider.add({ name: NAME, value: 'two' }, signal);
    // Said twice it is there once.
    await provider.add({ name: NAME, value: 'two' }, signal);
    expect(records.map(({ content }) => content)).toEqual(['"other 0"', '"one"', '"two"']);
    await provider.remove({ name: NAME, value: 'one' }, signal);
    await provider.remove({ name: NAME, value: 'one' }, signal);
    expect(records.map(({ content }) => content)).toEqual(['"other 0"', '"two"']);
  });

  it('finds its value behind a full page of others', async () => {
    const records = others(150);
    const provider = createCloudflare({ token: 'secret' }, await playApi(playCloudflare(records)));
    await provider.add({ name: NAME, value: 'mine' }, signal);
    await provider.remove({ name: NAME, value: 'mine' }, signal);
    expect(records).toEqual(others(150));
  });

  it('says which permission a token lacks', async () => {
    const provider = createCloudflare({ token: 'wrong' }, await playApi(playCloudflare([])));
    await expect(provider.add({ name: NAME, value: 'one' }, signal)).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringMatching(/Invalid access token \(9109\)/),
      hint: expect.stringContaining('DNS:Edit'),
    });
  });

  it('says when the token shows it no zone of the name', async () => {
    const provider = createCloudflare({ token: 'secret' }, await playApi(playCloudflare([])));
    const record = { name: '_acme-challenge.example.org', value: 'one' };
    await expect(provider.add(record, signal)).rejects.toMatchObject({
      code: 'config-invalid',
      message: 'Cloudflare shows this token no zone of _acme-challenge.example.org',
    });
  });
});

describe('an HTTP interface that fails', () => {
  const add = async (reply: ApiReply): Promise<unknown> => {
    const provider = createCloudflare({ token: 'secret' }, await playApi(() => reply));
    return provider.add({ name: NAME, value: 'one' }, signal).catch((error: unknown) => error);
  };

  it.each([
    ['30', /429.*try again after 30 s/],
    ['Wed, 21 Oct 2026 07:28:00 GMT', /429.*after Wed, 21 Oct 2026 07:28:00 GMT$/],
  ])('tells the Retry-After %s of a rate limit', async (retryAfter, message) => {
    const error = await add({ status: 429, headers: { 'retry-after': retryAfter } });
    expect(error).toMatchObject({ code: 'unavailable', message: expect.stringMatching(message) });
  });

  it.each([
    ['500', { status: 500, body: 'internal \u001b[31merror' }, /answered 500: internal error$/],
    ['no JSON', { status: 200, body: '<html>' }, /documentation does not have: 200, <html>/],
    ['JSON of another kind', { status: 200, body: [] }, /without "success"/],
    ['no list', { status: 200, body: { success: true } }, /without a list/],
    ['a flood', { status: 200, body: 'x'.repeat(3_000_000) }, /more than 2097152 bytes/],
    ['a redirect', { status: 302, headers: { location: 'https://example.com/' } }, /redirect/],
  ])('says what came in place of an answer: %s', async (_, reply: ApiReply, message) => {
    const error = await add(reply);
    expect(error).toMatchObject({ code: 'unavailable', message: expect.stringMatching(message) });
  });

  it('takes no id that would lead elsewhere', async () => {
    const result = [{ id: '../../accounts', name: 'example.com' }];
    const error = await add({ status: 200, body: { success: true, errors: [], result } });
    expect(error).toMatchObject({ message: expect.stringContaining('an id that is none') });
  });

  it('says that nobody is there', async () => {
    const provider = createCloudflare({ token: 'secret' }, 'http://127.0.0.1:9/');
    await expect(provider.add({ name: NAME, value: 'one' }, signal)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/could not be asked/),
    });
  });

  it('gives up when it is told to', async () => {
    const provider = createCloudflare({ token: 'secret' }, await playApi(() => ({ status: 200 })));
    const added = provider.add({ name: NAME, value: 'one' }, AbortSignal.abort());
    await expect(added).rejects.toThrow('could not be asked');
  });
});
