/** Amazon Route 53's API of 2013-04-01 (docs.aws.amazon.com/Route53/latest/APIReference). */
import { setTimeout as delay } from 'node:timers/promises';
import { KeyedMutex } from '../../std/mutex.ts';
import type { DnsProvider } from '../ports.ts';
import { type ApiAnswer, callApi, oddAnswer } from './http-api.ts';
import { possibleZones, providerFailed, settingsRefused, shown } from './provider-error.ts';
import { changeDocument, elements, type SetChange, textOf, type TxtSet } from './route53-xml.ts';
import { type AwsCredentials, signAwsRequest } from './sigv4.ts';

const NAME = 'Route 53';
const API = 'https://route53.amazonaws.com/2013-04-01/';
/** Of the partition `aws`, in which the service has one region. */
const SCOPE = { region: 'us-east-1', service: 'route53' };
const TTL_SECONDS = 60;
/** Somebody else changes the same records; each time they are read anew. */
const MAX_ATTEMPTS = 6;
const BUSY_DELAY_MS = 1_000;
/** "Changes generally propagate to all Route 53 name servers within 60 seconds." */
const MAX_SYNC_POLLS = 60;
const SYNC_POLL_MS = 3_000;

/** The batch does not fit to what is there now; or another is being taken in. */
const RETRY_CODES: readonly string[] = [
  'InvalidChangeBatch',
  'PriorRequestNotComplete',
  'Throttling',
];
const CREDENTIAL_CODES: readonly string[] = [
  'AccessDenied',
  'ExpiredToken',
  'IncompleteSignature',
  'InvalidClientTokenId',
  'MissingAuthenticationToken',
  'OptInRequired',
  'SignatureDoesNotMatch',
];

export interface Route53Settings extends AwsCredentials {
  /** Null: looked for by name. */
  hostedZoneId: string | null;
}

interface Surroundings {
  /** Where the API is, ending in `/`. */
  apiUrl?: string;
  pollMs?: number;
}

export function createRoute53(
  settings: Route53Settings,
  { apiUrl = API, pollMs = SYNC_POLL_MS }: Surroundings = {},
): DnsProvider {
  const mutex = new KeyedMutex();

  function call(path: string, body: string | null, signal: AbortSignal): Promise<ApiAnswer> {
    const method = body === null ? 'GET' : 'POST';
    const url = new URL(path, apiUrl);
    const own: Record<string, string> = body === null ? {} : { 'content-type': 'text/xml' };
    const headers = signAwsRequest({ method, url, headers: own, body: body ?? '' }, SCOPE, {
      credentials: settings,
      now: new Date(),
    });
    return callApi(NAME, { method, url, headers, ...(body === null ? {} : { body }) }, signal);
  }

  async function read(path: string, wanted: string, signal: AbortSignal): Promise<string> {
    const answer = await call(path, null, signal);
    if (answer.status !== 200) throw refusal(answer, wanted);
    return answer.text;
  }

  async function findZone(name: string, signal: AbortSignal): Promise<string> {
    if (settings.hostedZoneId !== null) return settings.hostedZoneId;
    for (const zone of possibleZones(name)) {
      const query = new URLSearchParams({ dnsname: zone, maxitems: '10' });
      const text = await read(
        `hostedzonesbyname?${String(query)}`,
        `list the zone ${zone}`,
        signal,
      );
      const zones = elements(text, 'HostedZone').filter(
        (one) => textOf(one, 'Name') === `${zone}.` && textOf(one, 'PrivateZone') !== 'true',
      );
      if (zones.length > 1) throw ambiguous(zone);
      if (zones[0] !== undefined) return idOf(zones[0], 'hostedzone');
    }
    throw settingsRefused(
      `${NAME} shows these credentials no public hosted zone of ${name}`,
      'Make the hosted zone in the account of the credentials, or allow them route53:ListHostedZonesByName.',
    );
  }

  async function readSet(zone: string, name: string, signal: AbortSignal): Promise<TxtSet | null> {
    const query = new URLSearchParams({ name, type: 'TXT', maxitems: '1' });
    const path = `hostedzone/${zone}/rrset?${String(query)}`;
    const text = await read(path, `list the TXT records of ${name}`, signal);
    // The list begins with the name, or with what comes after it.
    const [first = ''] = elements(text, 'ResourceRecordSet');
    if (textOf(first, 'Name') !== `${name}.` || textOf(first, 'Type') !== 'TXT') return null;
    const values = elements(first, 'ResourceRecord').map((one) => textOf(one, 'Value') ?? '');
    return { ttl: Number(textOf(first, 'TTL')), values };
  }

  /**
   * A set changes only as a whole: the one that was read is deleted and another made, in one batch that fails when the
   * set has changed meanwhile. `change` gives the new values; null leaves them as they are. Resolves to what tells of
   * the change, or to null when there was none.
   */
  async function changeValues(
    name: string,
    change: (values: string[]) => string[] | null,
    signal: AbortSignal,
  ): Promise<string | null> {
    const zone = await findZone(name, signal);
    for (let attempt = 1; ; attempt++) {
      const before = await readSet(zone, name, signal);
      const values = change(before?.values ?? []);
      if (values === null) return null;
      const changes: SetChange[] = [];
      if (before !== null) changes.push({ action: 'DELETE', name, set: before });
      const set = { ttl: before?.ttl ?? TTL_SECONDS, values };
      if (values.length > 0) changes.push({ action: 'CREATE', name, set });
      const body = changeDocument(changes);
      const answer = await call(`hostedzone/${zone}/rrset`, body, signal);
      if (answer.status === 200) return answer.text;
      const isBusy = RETRY_CODES.includes(codeOf(answer));
      if (!isBusy || attempt >= MAX_ATTEMPTS)
        throw refusal(answer, `change the TXT records of ${name}`);
      await delay(Math.min(BUSY_DELAY_MS, pollMs), undefined, { signal });
    }
  }

  /** Until all of its name servers have the change; those that this machine reaches are not all that a CA may ask. */
  async function whenInSync(text: string, signal: AbortSignal): Promise<void> {
    const change = idOf(text, 'change');
    let last = text;
    for (let poll = 0; poll < MAX_SYNC_POLLS; poll++) {
      if (textOf(last, 'Status') === 'INSYNC') return;
      await delay(pollMs, undefined, { signal });
      last = await read(`change/${change}`, 'tell of the change', signal);
    }
    throw providerFailed(
      `${NAME} has not brought the change to its name servers in ${(MAX_SYNC_POLLS * pollMs) / 1_000} s`,
      'See whether Route 53 has an outage; it is tried again by itself.',
    );
  }

  return {
    name: 'route53',
    async add({ name, value }, signal) {
      const withIt = (values: string[]): string[] | null =>
        values.includes(quoted(value)) ? null : [...values, quoted(value)];
      const changed = await mutex.run(name, () => changeValues(name, withIt, signal));
      if (changed !== null) await whenInSync(changed, signal);
    },
    async remove({ name, value }, signal) {
      const withoutIt = (values: string[]): string[] | null =>
        values.includes(quoted(value)) ? values.filter((one) => one !== quoted(value)) : null;
      await mutex.run(name, () => changeValues(name, withoutIt, signal));
    },
  };
}

function quoted(value: string): string {
  return `"${value}"`;
}

/** `/hostedzone/Z1` and `/change/C1` as they are in paths. */
function idOf(xml: string, kind: 'hostedzone' | 'change'): string {
  const id = /^\/(hostedzone|change)\/([A-Z0-9]{1,32})$/.exec(textOf(xml, 'Id') ?? '');
  if (id?.[1] === kind && id[2] !== undefined) return id[2];
  throw oddAnswer(NAME, `an id of a ${kind} that is none`);
}

/** One of its errors has a document of its own. */
function codeOf({ text }: ApiAnswer): string {
  if (text.includes('<InvalidChangeBatch')) return 'InvalidChangeBatch';
  return textOf(text, 'Code') ?? '';
}

function ambiguous(zone: string): Error {
  return settingsRefused(
    `${NAME} has several public hosted zones named ${zone}`,
    'Name the one that the domain is delegated to as "hostedZoneId" in FN_DNS_PROVIDER_FILE.',
  );
}

function refusal(answer: ApiAnswer, wanted: string): Error {
  const code = codeOf(answer);
  const said = textOf(answer.text, 'Message') ?? answer.text;
  const message = `${NAME} did not ${wanted}: ${shown(said)} (${code || answer.status})`;
  if (code === 'NoSuchHostedZone') {
    return settingsRefused(
      message,
      'Correct "hostedZoneId" in FN_DNS_PROVIDER_FILE, or leave it out.',
    );
  }
  if (!CREDENTIAL_CODES.includes(code) && answer.status !== 403) {
    return providerFailed(message, 'It is tried again by itself.');
  }
  return settingsRefused(
    message,
    'Put keys into FN_DNS_PROVIDER_FILE that may do route53:ListHostedZonesByName, ListResourceRecordSets, ChangeResourceRecordSets and GetChange; where they may, look at the clock of this machine.',
  );
}
