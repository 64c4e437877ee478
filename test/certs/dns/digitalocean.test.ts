import { describe, expect, it } from 'vitest';
import { createDigitalOcean } from '../../../src/certs/dns/digitalocean.ts';
import { type ApiReply, type ApiRequest, playApi } from '../../support/played-api.ts';

const NAME = '_acme-challenge.fn.example.com';
const signal = new AbortController().signal;

interface PlayedRecord {
  id: number;
  type: string;
  /** Without the domain. */
  name: string;
  data: string;
  ttl: number;
}

/** As the documentation of version 2 has it; what it does not have is refused. */
function playDigitalOcean(records: PlayedRecord[]) {
  let made = 1_000;
  const refuse = (status: number, id: string, message: string): ApiReply => {
    return { status, body: { id, message } };
  };

  function create({ headers, body }: ApiRequest): ApiReply {
    if (headers['content-type'] !== 'application/json') return refuse(415, 'bad', 'no JSON');
    const { type, name, data, ttl, ...rest } = JSON.parse(body) as PlayedRecord;
    if (Object.keys(rest).length > 0 || ttl < 30) return refuse(422, 'unprocessable_entity', 'odd');
    made += 1;
    records.push({ id: made, type, name, data, ttl });
    return { status: 201, body: { domain_record: records.at(-1) } };
  }

  function list({ type, name, page, per_page: perPage }: Record<string, string>): ApiReply {
    // The filter takes whole names.
    const found = records.filter((one) => one.type === type && `${one.name}.example.com` === name);
    const start = (Number(page) - 1) * Number(perPage);
    return {
      status: 200,
      body: {
        domain_records: found.slice(start, start + Number(perPage)),
        links: {},
        meta: { total: found.length },
      },
    };
  }

  return (request: ApiRequest): ApiReply => {
    const { method, path, query, headers } = request;
    if (headers.authorization !== 'Bearer secret') {
      return refuse(401, 'unauthorized', 'Unable to authenticate you');
    }
    const domain = { name: 'example.com', ttl: 1_800, zone_file: '' };
    if (method === 'GET' && path === '/domains/example.com')
      return { status: 200, body: { domain } };
    if (path === '/domains/example.com/records') {
      if (method === 'POST') return create(request);
      if (method === 'GET') return list(query);
    }
    const [, id] = /^\/domains\/example\.com\/records\/(\d+)$/.exec(path) ?? [];
    const at = records.findIndex((one) => one.id === Number(id));
    if (method !== 'DELETE' || at === -1) {
      return refuse(404, 'not_found', 'The resource you were accessing could not be found.');
    }
    records.splice(at, 1);
    return { status: 204 };
  };
}

const others = (count: number): PlayedRecord[] =>
  Array.from({ length: count }, (_, id) => {
    return { id, type: 'TXT', name: '_acme-challenge.fn', data: `other ${id}`, ttl: 300 };
  });

describe('DigitalOcean', () => {
  it('adds values beside those that are there, and removes its own alone', async () => {
    const records = others(1);
    const api = await playApi(playDigitalOcean(records));
    const provider = createDigitalOcean({ token: 'secret' }, api);
    await provider.add({ name: NAME, value: 'one' }, signal);
    await provider.add({ name: NAME, value: 'two' }, signal);
    // Said twice it is there once.
    await provider.add({ name: NAME, value: 'two' }, signal);
    expect(records.map(({ data }) => data)).toEqual(['other 0', 'one', 'two']);
    expect(records.at(-1)?.name).toBe('_acme-challenge.fn');
    await provider.remove({ name: NAME, value: 'one' }, signal);
    await provider.remove({ name: NAME, value: 'one' }, signal);
    expect(records.map(({ data }) => data)).toEqual(['other 0', 'two']);
  });

  it('finds its value behind a full page of others', async () => {
    const records = others(250);
    const api = await playApi(playDigitalOcean(records));
    const provider = createDigitalOcean({ token: 'secret' }, api);
    await provider.add({ name: NAME, value: 'mine' }, signal);
    expect(records).toHaveLength(251);
    await provider.remove({ name: NAME, value: 'mine' }, signal);
    expect(records).toEqual(others(250));
  });

  it('says which scopes a token lacks', async () => {
    const provider = createDigitalOcean({ token: 'wrong' }, await playApi(playDigitalOcean([])));
    await expect(provider.add({ name: NAME, value: 'one' }, signal)).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringMatching(/Unable to authenticate you \(401\)/),
      hint: expect.stringContaining('domain:create'),
    });
  });

  it('says when it does not have the domain', async () => {
    const provider = createDigitalOcean({ token: 'secret' }, await playApi(playDigitalOcean([])));
    const record = { name: '_acme-challenge.example.org', value: 'one' };
    await expect(provider.add(record, signal)).rejects.toMatchObject({
      code: 'config-invalid',
      message: 'DigitalOcean shows this token no domain of _acme-challenge.example.org',
      hint: expect.stringContaining('Networking > Domains'),
    });
  });

  it('tells what it says against a record', async () => {
    const reply: ApiReply = { status: 422, body: { id: 'unprocessable_entity', message: 'No.' } };
    const api = await playApi(({ path }) =>
      path === '/domains/example.com' ? { status: 200 } : reply,
    );
    const provider = createDigitalOcean({ token: 'secret' }, api);
    await expect(provider.add({ name: NAME, value: 'one' }, signal)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('No. (422)'),
    });
  });
});
