import { describe, expect, it } from 'vitest';
import { type AwsRequest, signAwsRequest } from '../../../src/certs/dns/sigv4.ts';

/** Of Amazon's test suite for Signature Version 4, and of the worked example in its documentation. */
const CREDENTIALS = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  sessionToken: null,
};
const NOW = new Date('2015-08-30T12:36:00Z');
const FORM = 'application/x-www-form-urlencoded';

function sign(
  request: Partial<AwsRequest> & { path?: string },
  service = 'service',
  sessionToken: string | null = null,
): Record<string, string> {
  const { path = '/', method = 'GET', headers = {}, body = '' } = request;
  const host = service === 'iam' ? 'iam.amazonaws.com' : 'example.amazonaws.com';
  return signAwsRequest(
    { method, url: new URL(path, `https://${host}`), headers, body },
    { region: 'us-east-1', service },
    { credentials: { ...CREDENTIALS, sessionToken }, now: NOW },
  );
}

describe('signAwsRequest', () => {
  it.each([
    ['get-vanilla', {}, '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    [
      'get-vanilla-query-order-key-case',
      { path: '/?Param2=value2&Param1=value1' },
      'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    ],
    [
      'get-vanilla-utf8-query',
      { path: '/?ሴ=bar' },
      '2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04',
    ],
    [
      'post-vanilla',
      { method: 'POST' },
      '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
    ],
    [
      'post-x-www-form-urlencoded',
      { method: 'POST', headers: { 'content-type': FORM }, body: 'Param1=value1' },
      'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
    ],
  ])('signs %s as Amazon does', (_, request, signature) => {
    const { authorization } = sign(request);
    expect(authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/20150830\/us-east-1\/service\/aws4_request, SignedHeaders=(content-type;)?host;x-amz-date, /,
    );
    expect(authorization).toMatch(new RegExp(`Signature=${signature}$`));
  });

  it('signs the example of the documentation', () => {
    const headers = sign(
      {
        path: '/?Action=ListUsers&Version=2010-05-08',
        headers: { 'content-type': `${FORM}; charset=utf-8` },
      },
      'iam',
    );
    expect(headers.authorization).toMatch(
      /Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7$/,
    );
  });

  it('signs the token of temporary credentials with the rest', () => {
    const headers = sign({}, 'service', 'of-an-hour');
    expect(headers['x-amz-security-token']).toBe('of-an-hour');
    expect(headers.authorization).toContain('SignedHeaders=host;x-amz-date;x-amz-security-token,');
  });
});
