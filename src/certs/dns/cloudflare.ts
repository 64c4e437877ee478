/** Cloudflare's API, version 4 (developers.cloudflare.com/api). */
import type { DnsProvider, TxtRecord } from '../ports.ts';
import {
  type ApiCall,
  callWithToken,
  findTxtRecords,
  isObject,
  oddAnswer,
  readJson,
} from './http-api.ts';
import { possibleZones, providerFailed, settingsRefused, shown } from './provider-error.ts';

const NAME = 'Cloudflare';
const API = 'https://api.cloudflare.com/client/v4/';
/** The shortest that every plan may have. */
const TTL_SECONDS = 60;
/** "An identical record already exists", and "The record already exists" of old. */
const EXISTS_CODES: readonly number[] = [81057, 81058];
/** What a token that is wrong, gone or without the permission is answered with, beside 401 and 403. */
const TOKEN_CODES: readonly number[] = [6003, 6111, 9109, 10000];

interface Reply {
  isSuccess: boolean;
  status: number;
  errors: { code: number; message: string }[];
  result: unknown;
}

/** @param apiUrl where the API is, ending in `/` */
export function createCloudflare(settings: { token: string }, apiUrl = API): DnsProvider {
  async function call(
    request: { method: ApiCall['method']; path: string; body?: object },
    signal: AbortSignal,
  ): Promise<Reply> {
    const { path, ...asked } = request;
    const sent = { ...settings, ...asked, url: new URL(path, apiUrl) };
    const answer = await callWithToken(NAME, sent, signal);
    return readReply(answer.status, readJson(NAME, answer));
  }

  async function findZone(name: string, signal: AbortSignal): Promise<string> {
    for (const zone of possibleZones(name)) {
      const path = `zones?name=${encodeURIComponent(zone)}`;
      const reply = await call({ method: 'GET', path }, signal);
      if (!reply.isSuccess) throw refusal(reply, `list the zone ${zone}`);
      const found = listOf(reply).find((one) => one.name === zone);
      if (found !== undefined) return idOf(found);
    }
    throw settingsRefused(
      `${NAME} shows this token no zone of ${name}`,
      `Give the token the permissions Zone:Read and DNS:Edit for the zone in which ${name} lies.`,
    );
  }

  async function findRecords(
    zone: string,
    record: TxtRecord,
    signal: AbortSignal,
  ): Promise<string[]> {
    const found = await findTxtRecords(
      record.name,
      async (query) => {
        const path = `zones/${zone}/dns_records?${String(query)}`;
        const reply = await call({ method: 'GET', path }, signal);
        if (!reply.isSuccess) throw refusal(reply, `list the TXT records of ${record.name}`);
        return listOf(reply);
      },
      (one) => isRecord(one, record),
    );
    return found.map(idOf);
  }

  return {
    name: 'cloudflare',
    async add(record, signal) {
      const zone = await findZone(record.name, signal);
      // Quoted as in a zone file, which is how it keeps a TXT record.
      const content = `"${record.value}"`;
      const body = { type: 'TXT', name: record.name, content, ttl: TTL_SECONDS };
      const reply = await call({ method: 'POST', path: `zones/${zone}/dns_records`, body }, signal);
      const isThere = reply.errors.some(({ code }) => EXISTS_CODES.includes(code));
      if (!reply.isSuccess && !isThere) throw refusal(reply, `add a TXT record at ${record.name}`);
    },
    async remove(record, signal) {
      const zone = await findZone(record.name, signal);
      for (const id of await findRecords(zone, record, signal)) {
        const path = `zones/${zone}/dns_records/${id}`;
        const reply = await call({ method: 'DELETE', path }, signal);
        // Somebody else was faster.
        if (!reply.isSuccess && reply.status !== 404) {
          throw refusal(reply, `remove the TXT record at ${record.name}`);
        }
      }
    },
  };
}

function readReply(status: number, body: unknown): Reply {
  if (!isObject(body) || typeof body.success !== 'boolean') {
    throw oddAnswer(NAME, `${status} without "success"`);
  }
  const errors = Array.isArray(body.errors) ? body.errors.filter(isObject) : [];
  return {
    isSuccess: body.success && status < 300,
    status,
    errors: errors.map(({ code, message }) => ({
      code: Number(code),
      message: typeof message === 'string' ? message : '',
    })),
    result: body.result,
  };
}

function listOf({ result, status }: Reply): Record<string, unknown>[] {
  if (Array.isArray(result)) return result.filter(isObject);
  throw oddAnswer(NAME, `${status} without a list`);
}

/** It becomes part of a path. */
function idOf({ id }: Record<string, unknown>): string {
  if (typeof id === 'string' && /^[0-9a-f]{1,64}$/i.test(id)) return id;
  throw oddAnswer(NAME, 'an id that is none');
}

function isRecord(one: Record<string, unknown>, record: TxtRecord): boolean {
  const content = typeof one.content === 'string' ? one.content.replace(/^"(.*)"$/, '$1') : null;
  return one.type === 'TXT' && one.name === record.name && content === record.value;
}

function refusal({ status, errors }: Reply, wanted: string): Error {
  const said = errors.map(({ code, message }) => `${message} (${code})`).join('; ');
  const message = `${NAME} did not ${wanted}: ${shown(said) || status}`;
  const isToken =
    status === 401 || status === 403 || errors.some(({ code }) => TOKEN_CODES.includes(code));
  if (!isToken) return providerFailed(message, 'It is tried again by itself.');
  return settingsRefused(
    message,
    'Put an API token with the permissions Zone:Read and DNS:Edit for this zone into FN_DNS_PROVIDER_FILE: {"token": "…"}.',
  );
}
