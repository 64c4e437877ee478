import { describe, expect, it } from 'vitest';
import { createRoute53, type Route53Settings } from '../../../src/certs/dns/route53.ts';
import { type ApiReply, type ApiRequest, playApi } from '../../support/played-api.ts';

const NAME = '_acme-challenge.fn.example.com';
const signal = new AbortController().signal;
const SETTINGS: Route53Settings = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  sessionToken: null,
  hostedZoneId: null,
};

interface Played {
  /** Of NAME, as they are in the zone. */
  values: string[];
  zones?: { id: string; name: string; isPrivate: boolean }[];
  /** Called before each change, as somebody else would be. */
  beforeChange?: () => void;
  /** Polls of a change until it is everywhere. */
  pending?: number;
}

const ZONES = [{ id: 'Z1EXAMPLE', name: 'example.com.', isPrivate: false }];

function refuse(status: number, code: string, message: string): ApiReply {
  return {
    status,
    body: `<?xml version="1.0"?>\n<ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>b1</RequestId></ErrorResponse>`,
  };
}

const found = (body: string): ApiReply => ({ status: 200, body: `<?xml version="1.0"?>\n${body}` });

/** As the reference of the API has it; what it does not have is refused. */
function playRoute53(played: Played) {
  let polls = played.pending ?? 0;

  function set(values: readonly string[]): string {
    const records = values.map(
      (value) =>
        `<ResourceRecord><Value>${value.replaceAll('"', '&quot;')}</Value></ResourceRecord>`,
    );
    return `<ResourceRecordSet><Name>${NAME}.</Name><Type>TXT</Type><TTL>60</TTL><ResourceRecords>${records.join('')}</ResourceRecords></ResourceRecordSet>`;
  }

  const changeInfo = (): ApiReply => {
    const status = polls > 0 ? 'PENDING' : 'INSYNC';
    polls -= 1;
    return found(
      `<ChangeResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeInfo><Id>/change/C2EXAMPLE</Id><Status>${status}</Status><SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt></ChangeInfo></ChangeResponse>`,
    );
  };

  /** All or nothing: what is deleted must be there as it is said, what is created must not be there. */
  function change(body: string): ApiReply {
    played.beforeChange?.();
    let values: string[] | null = played.values.length === 0 ? null : played.values;
    const changes = body.matchAll(
      /<Change><Action>(CREATE|DELETE)<\/Action>(<ResourceRecordSet>.*?<\/ResourceRecordSet>)<\/Change>/g,
    );
    for (const [, action, one = ''] of changes) {
      const said = [...one.matchAll(/<Value>&quot;([^<]*)&quot;<\/Value>/g)].map(
        ([, text]) => `"${text}"`,
      );
      if (!one.includes(`<Name>${NAME}</Name><Type>TXT</Type><TTL>60</TTL>`)) {
        return refuse(400, 'InvalidInput', 'Invalid request');
      }
      const isThere = values !== null && values.join() === said.join();
      if (action === 'DELETE' ? !isThere : values !== null) {
        return {
          status: 400,
          body: `<?xml version="1.0"?>\n<InvalidChangeBatch xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Messages><Message>Tried to ${action} it</Message></Messages></InvalidChangeBatch>`,
        };
      }
      values = action === 'DELETE' ? null : said;
    }
    played.values = values ?? [];
    return changeInfo();
  }

  function zones(name: string | undefined): ApiReply {
    const after = (played.zones ?? ZONES).filter((zone) => zone.name >= `${name}.`);
    const listed = after.map(
      ({ id, name: own, isPrivate }) =>
        `<HostedZone><Id>/hostedzone/${id}</Id><Name>${own}</Name><Config><PrivateZone>${isPrivate}</PrivateZone></Config></HostedZone>`,
    );
    return found(
      `<ListHostedZonesByNameResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><HostedZones>${listed.join('')}</HostedZones><IsTruncated>false</IsTruncated></ListHostedZonesByNameResponse>`,
    );
  }

  return ({ method, path, query, headers, body }: ApiRequest): ApiReply => {
    const signature =
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/us-east-1\/route53\/aws4_request, SignedHeaders=(content-type;)?host;x-amz-date, Signature=[0-9a-f]{64}$/;
    if (!signature.test(headers.authorization ?? '')) {
      return refuse(403, 'InvalidClientTokenId', 'The security token included is invalid.');
    }
    if (method === 'GET' && path === '/hostedzonesbyname') return zones(query.dnsname);
    if (path === '/change/C2EXAMPLE') return changeInfo();
    if (!/^\/hostedzone\/Z[12]EXAMPLE\/rrset$/.test(path)) {
      return refuse(404, 'NoSuchHostedZone', 'No hosted zone found with ID: Z9');
    }
    if (method === 'POST') return change(body);
    const isThere = played.values.length > 0 && query.name === NAME && query.type === 'TXT';
    const next = `<ResourceRecordSet><Name>www.example.com.</Name><Type>A</Type><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>`;
    return found(
      `<ListResourceRecordSetsResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ResourceRecordSets>${isThere ? set(played.values) : next}</ResourceRecordSets><IsTruncated>false</IsTruncated></ListResourceRecordSetsResponse>`,
    );
  };
}

async function start(played: Played, settings: Partial<Route53Settings> = {}) {
  const apiUrl = await playApi(playRoute53(played));
  return createRoute53({ ...SETTINGS, ...settings }, { apiUrl, pollMs: 1 });
}

describe('Route 53', () => {
  it('adds values to the set that is there, and removes its own alone', async () => {
    const played: Played = { values: ['"other"'], pending: 3 };
    const provider = await start(played);
    await provider.add({ name: NAME, value: 'one' }, signal);
    await provider.add({ name: NAME, value: 'one' }, signal);
    expect(played.values).toEqual(['"other"', '"one"']);
    await provider.remove({ name: NAME, value: 'one' }, signal);
    await provider.remove({ name: NAME, value: 'one' }, signal);
    expect(played.values).toEqual(['"other"']);
  });

  it('makes the set where there is none, and leaves none behind', async () => {
    const played: Played = { values: [] };
    const provider = await start(played);
    await provider.add({ name: NAME, value: 'one' }, signal);
    expect(played.values).toEqual(['"one"']);
    await provider.remove({ name: NAME, value: 'one' }, signal);
    expect(played.values).toEqual([]);
  });

  it('keeps both values of a name that are added at once', async () => {
    const played: Played = { values: [] };
    const provider = await start(played);
    const both = ['base', 'wildcard'].map((value) => provider.add({ name: NAME, value }, signal));
    await Promise.all(both);
    expect(played.values.toSorted()).toEqual(['"base"', '"wildcard"']);
  });

  it('loses no value that somebody else adds meanwhile', async () => {
    const played: Played = { values: ['"other"'] };
    let changes = 0;
    played.beforeChange = () => {
      if (changes++ === 0) played.values.push('"theirs"');
    };
    const provider = await start(played);
    await provider.add({ name: NAME, value: 'one' }, signal);
    expect(played.values).toEqual(['"other"', '"theirs"', '"one"']);
  });

  it('gives up where the set changes for ever', async () => {
    const played: Played = { values: ['"other"'] };
    played.beforeChange = () => void played.values.push('"more"');
    const provider = await start(played);
    await expect(provider.add({ name: NAME, value: 'one' }, signal)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('InvalidChangeBatch'),
    });
  });

  it.each([
    ['a key that is wrong', { accessKeyId: 'AKIDOTHER' }, /token included is invalid/, /GetChange/],
    ['a zone that is not there', { hostedZoneId: 'Z9EXAMPLE' }, /No hosted zone/, /"hostedZoneId"/],
  ])('says what to change for %s', async (_, settings, message, hint) => {
    const provider = await start({ values: [] }, settings);
    await expect(provider.add({ name: NAME, value: 'one' }, signal)).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    });
  });

  it('says when it has no zone of the name, private ones apart', async () => {
    const zones = [{ id: 'Z1EXAMPLE', name: 'example.com.', isPrivate: true }];
    const provider = await start({ values: [], zones });
    await expect(provider.add({ name: NAME, value: 'one' }, signal)).rejects.toMatchObject({
      message: expect.stringContaining('no public hosted zone'),
    });
  });

  it('asks which zone is meant where two have the name', async () => {
    const played = {
      values: [],
      zones: [...ZONES, { id: 'Z2EXAMPLE', name: 'example.com.', isPrivate: false }],
    };
    const provider = await start(played);
    await expect(provider.add({ name: NAME, value: 'one' }, signal)).rejects.toMatchObject({
      message: expect.stringContaining('several public hosted zones'),
      hint: expect.stringContaining('"hostedZoneId"'),
    });
    const named = await start(played, { hostedZoneId: 'Z2EXAMPLE' });
    await named.add({ name: NAME, value: 'one' }, signal);
    expect(played.values).toEqual(['"one"']);
  });
});
