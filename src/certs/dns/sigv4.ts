/**
 * Signature Version 4 of Amazon's web services ("Create a signed AWS API request" of the IAM user guide), for requests
 * whose path needs no further encoding.
 */
import { createHash, createHmac } from 'node:crypto';

export interface AwsCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  /** Of temporary credentials. */
  sessionToken: string | null;
}

export interface AwsRequest {
  method: string;
  url: URL;
  /** Names in lower case, without `host` and the date. */
  headers: Readonly<Record<string, string>>;
  body: string;
}

export interface AwsScope {
  region: string;
  service: string;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';

/** The headers to send in place of the request's: its own, and those that sign them. Whoever sends it adds `host`. */
export function signAwsRequest(
  request: AwsRequest,
  scope: AwsScope,
  { credentials, now }: { credentials: AwsCredentials; now: Date },
): Record<string, string> {
  const time = now.toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  const headers: Record<string, string> = {
    ...request.headers,
    host: request.url.host,
    'x-amz-date': time,
  };
  if (credentials.sessionToken !== null) headers['x-amz-security-token'] = credentials.sessionToken;
  const names = Object.keys(headers).toSorted();
  const signedNames = names.join(';');
  const canonical = [
    request.method,
    request.url.pathname,
    canonicalQuery(request.url.searchParams),
    ...names.map((name) => `${name}:${headers[name]?.trim().replaceAll(/ +/g, ' ')}`),
    '',
    signedNames,
    sha256(request.body),
  ].join('\n');
  const day = time.slice(0, 8);
  const within = `${day}/${scope.region}/${scope.service}/aws4_request`;
  const toSign = [ALGORITHM, time, within, sha256(canonical)].join('\n');
  const keyed = [day, scope.region, scope.service, 'aws4_request'].reduce(
    (key: string | Buffer, part) => createHmac('sha256', key).update(part).digest(),
    `AWS4${credentials.secretAccessKey}`,
  );
  const signature = createHmac('sha256', keyed).update(toSign).digest('hex');
  const credential = `${credentials.accessKeyId}/${within}`;
  const { host: _, ...sent } = headers;
  return {
    ...sent,
    authorization: `${ALGORITHM} Credential=${credential}, SignedHeaders=${signedNames}, Signature=${signature}`,
  };
}

/** Ordered by name, then value, as they are encoded; a blank comes before all that is left in either. */
function canonicalQuery(query: URLSearchParams): string {
  return [...query]
    .map((pair) => pair.map(encode).join(' '))
    .toSorted()
    .map((pair) => pair.replace(' ', '='))
    .join('&');
}

/** RFC 3986's unreserved characters alone stay. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
