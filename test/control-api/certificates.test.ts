import { afterAll, beforeAll, expect, it } from 'vitest';
import type { UploadedCertificate } from '../../src/protocol/control-client.generated.ts';
import { freePort } from '../support/free-port.ts';
import { issue } from '../support/issued.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { type Caller, createCaller, json } from './caller.ts';

/** The operations that a server has only with HTTPS, each to its 2xx answer. */
let platform: Platform;
let api: Caller;

beforeAll(async () => {
  const env = { HTTPS_PORT: String(await freePort()) };
  platform = await startPlatform({ env, args: ['--local-https'] });
  api = await createCaller(platform);
});
afterAll(() => platform?.[Symbol.asyncDispose]());

it('uploads a certificate, lists it and removes it', async () => {
  const shown = await api.call('getAuthority', {}, null);
  expect(shown.status).toBe(200);
  expect(json<{ certificate: string }>(shown).certificate).toContain('BEGIN CERTIFICATE');
  const authority = await issue({ subject: 'some authority', isCa: true });
  const pair = await issue({ subject: 'x', issuer: authority, names: ['*.localhost'] });
  const body = { chain: pair.certificate + authority.certificate, key: pair.key };
  const made = await api.call('uploadCertificate', { body });
  expect(made.status, made.body).toBe(201);
  const { id } = json<UploadedCertificate>(made);
  const uploads = async () => {
    const listed = await api.call('listCertificates', {});
    expect(listed.status).toBe(200);
    const { items } = json<{ items: { id: string; source: string }[] }>(listed);
    return items.filter(({ source }) => source === 'upload').map((one) => one.id);
  };
  expect(await uploads()).toEqual([id]);
  expect((await api.call('removeCertificate', { params: { id } })).status).toBe(204);
  expect(await uploads()).toEqual([]);
});

it('takes none that is none', async () => {
  const refused = await api.call('uploadCertificate', { body: { chain: 'x', key: 'x' } });
  expect(refused.status, refused.body).toBe(400);
});
