import type { DnsProvider } from '../ports.ts';
import { createCloudflare } from './cloudflare.ts';
import { createDigitalOcean } from './digitalocean.ts';
import { createExec } from './exec.ts';
import { settingsRefused } from './provider-error.ts';
import { type ProviderFields, readProviderFields } from './provider-options.ts';
import { createRfc2136, type Rfc2136Settings } from './rfc2136.ts';
import { createRoute53 } from './route53.ts';
import { TSIG_ALGORITHMS } from './tsig.ts';

/** Another provider is a file beside these, and a line here that makes it of what its file of credentials says. */
const PROVIDERS = {
  rfc2136: (fields) => createRfc2136(readRfc2136(fields)),
  cloudflare: (fields) => createCloudflare({ token: fields.text('token') }),
  route53: (fields) =>
    createRoute53({
      accessKeyId: fields.text('accessKeyId'),
      secretAccessKey: fields.text('secretAccessKey'),
      sessionToken: fields.optionalText('sessionToken'),
      hostedZoneId: readHostedZone(fields.optionalText('hostedZoneId')),
    }),
  digitalocean: (fields) => createDigitalOcean({ token: fields.text('token') }),
  exec: (fields) =>
    createExec({ program: readProgram(fields), environment: fields.texts('environment') }),
} as const satisfies Record<string, (fields: ProviderFields) => DnsProvider>;

export type DnsProviderName = keyof typeof PROVIDERS;

/**
 * @param options what FN_DNS_PROVIDER_FILE holds; empty where there is none
 * @throws PlatformError `config-invalid` that names the field which cannot be used
 */
export function createDnsProvider(
  name: DnsProviderName,
  options: Readonly<Record<string, unknown>>,
): DnsProvider {
  const fields = readProviderFields(name, options);
  const provider = PROVIDERS[name](fields);
  fields.end();
  return provider;
}

const DNS_PORT = 53;

function readRfc2136(fields: ProviderFields): Rfc2136Settings {
  const server = fields.text('server');
  // A colon that is not the only one belongs to an IPv6 address.
  const [, bracketed, plain, port] =
    /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(server) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port ?? DNS_PORT) > 65_535) {
    throw refused('"server" must be a host, host:port or [address]:port');
  }
  const algorithm = fields.optionalText('algorithm') ?? 'hmac-sha256';
  const known = TSIG_ALGORITHMS.find((one) => one === algorithm.toLowerCase());
  if (known === undefined)
    throw refused(`"algorithm" must be one of ${TSIG_ALGORITHMS.join(', ')}`);
  const secret = fields.text('secret');
  if (!/^[A-Za-z0-9+/]{8,}={0,2}$/.test(secret)) throw refused('"secret" must be in base64');
  const key = {
    name: bare(fields.text('keyName')),
    algorithm: known,
    secret: Buffer.from(secret, 'base64'),
  };
  const zone = fields.optionalText('zone');
  return { host, port: Number(port ?? DNS_PORT), key, zone: zone === null ? null : bare(zone) };
}

function readHostedZone(id: string | null): string | null {
  if (id === null) return null;
  const bareId = id.replace(/^\/hostedzone\//, '');
  if (/^[A-Z0-9]{1,32}$/.test(bareId)) return bareId;
  throw refused('"hostedZoneId" must be as Route 53 shows it, such as Z0123456789ABCDEFGHIJ');
}

function readProgram(fields: ProviderFields): string {
  const program = fields.text('program');
  if (program.startsWith('/')) return program;
  throw refused('"program" must be an absolute path');
}

/** A name as messages have it. */
function bare(name: string): string {
  const text = name.toLowerCase().replace(/\.$/, '');
  const labels = text.split('.');
  if (text.length <= 253 && labels.every((label) => /^[!-~]{1,63}$/.test(label))) return text;
  throw refused(`"${name}" is no name that DNS knows`);
}

function refused(message: string): Error {
  return settingsRefused(
    `FN_DNS_PROVIDER_FILE: ${message}`,
    'See docs/certificates.md for the fields of each provider.',
  );
}
