/** DigitalOcean's API, version 2 (docs.digitalocean.com/reference/api). */
import type { DnsProvider, TxtRecord } from '../ports.ts';
import {
  type ApiAnswer,
  type ApiCall,
  callWithToken,
  findTxtRecords,
  isObject,
  oddAnswer,
  readJson,
} from './http-api.ts';
import { possibleZones, providerFailed, settingsRefused, shown } from './provider-error.ts';

const NAME = 'DigitalOcean';
const API = 'https://api.digitalocean.com/v2/';
/** The shortest that it takes. */
const TTL_SECONDS = 30;

/** @param apiUrl where the API is, ending in `/` */
export function createDigitalOcean(settings: { token: string }, apiUrl = API): DnsProvider {
  function call(
    request: { method: ApiCall['method']; path: string; body?: object },
    signal: AbortSignal,
  ): Promise<ApiAnswer> {
    const { path, ...asked } = request;
    const sent = { ...settings, ...asked, url: new URL(path, apiUrl) };
    return callWithToken(NAME, sent, signal);
  }

  async function findZone(name: string, signal: AbortSignal): Promise<string> {
    for (const zone of possibleZones(name)) {
      const answer = await call({ method: 'GET', path: `domains/${zone}` }, signal);
      if (answer.status === 200) return zone;
      if (answer.status !== 404) throw refusal(answer, `tell of the domain ${zone}`);
    }
    throw settingsRefused(
      `${NAME} shows this token no domain of ${name}`,
      `Add the domain in which ${name} lies under Networking > Domains, in the account or team of the token.`,
    );
  }

  async function findRecords(
    zone: string,
    record: TxtRecord,
    signal: AbortSignal,
  ): Promise<string[]> {
    const relative = relativeName(record.name, zone);
    const found = await findTxtRecords(
      record.name,
      async (query) => {
        const path = `domains/${zone}/records?${String(query)}`;
        const answer = await call({ method: 'GET', path }, signal);
        if (answer.status !== 200) throw refusal(answer, `list the TXT records of ${record.name}`);
        return recordsOf(answer);
      },
      ({ type, name, data }) => type === 'TXT' && name === relative && data === record.value,
    );
    return found.map(idOf);
  }

  return {
    name: 'digitalocean',
    async add(record, signal) {
      const zone = await findZone(record.name, signal);
      // It takes the same value twice, and would then have two to remove.
      if ((await findRecords(zone, record, signal)).length > 0) return;
      const name = relativeName(record.name, zone);
      const body = { type: 'TXT', name, data: record.value, ttl: TTL_SECONDS };
      const path = `domains/${zone}/records`;
      const answer = await call({ method: 'POST', path, body }, signal);
      if (answer.status !== 201) throw refusal(answer, `add a TXT record at ${record.name}`);
    },
    async remove(record, signal) {
      const zone = await findZone(record.name, signal);
      for (const id of await findRecords(zone, record, signal)) {
        const path = `domains/${zone}/records/${id}`;
        const answer = await call({ method: 'DELETE', path }, signal);
        // Somebody else was faster where there is none.
        if (answer.status !== 204 && answer.status !== 404) {
          throw refusal(answer, `remove the TXT record at ${record.name}`);
        }
      }
    },
  };
}

/** Names of records leave out their domain, which is `@` itself. */
function relativeName(name: string, zone: string): string {
  return name === zone ? '@' : name.slice(0, -zone.length - 1);
}

function recordsOf(answer: ApiAnswer): Record<string, unknown>[] {
  const body = readJson(NAME, answer);
  const records = isObject(body) ? body.domain_records : undefined;
  if (Array.isArray(records)) return records.filter(isObject);
  throw oddAnswer(NAME, `${answer.status} without "domain_records"`);
}

/** It becomes part of a path. */
function idOf({ id }: Record<string, unknown>): string {
  if (typeof id === 'number' && Number.isSafeInteger(id)) return String(id);
  throw oddAnswer(NAME, 'an id that is none');
}

function refusal(answer: ApiAnswer, wanted: string): Error {
  const body = readJson(NAME, answer);
  const said = isObject(body) && typeof body.message === 'string' ? body.message : '';
  const message = `${NAME} did not ${wanted}: ${shown(said)} (${answer.status})`;
  if (answer.status !== 401 && answer.status !== 403) {
    return providerFailed(message, 'It is tried again by itself.');
  }
  return settingsRefused(
    message,
    'Put an API token with the scopes domain:read, domain:create and domain:delete into FN_DNS_PROVIDER_FILE: {"token": "…"}.',
  );
}
