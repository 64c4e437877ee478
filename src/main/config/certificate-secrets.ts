/**
 * What the files hold that the settings of certificates name. The supervisor reads them at its start, as root where it
 * is, and control gets them by message: they may be closed to the uid that it runs under.
 */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { PlatformError } from '../../protocol/errors.ts';
import type { CertificateSettings } from './certificate-settings.ts';
import { readPrivateFile } from './private-file.ts';

export interface CertificateSecrets {
  /** By the URL of the directory. */
  externalAccounts: Record<string, ExternalAccount>;
  /** Credentials and options, as the provider reads them; empty without a file. */
  dnsProvider: Record<string, unknown>;
  /** PEM; null without a file. */
  roots: string | null;
}

/** The two values that an authority gives to who has an account there (RFC 8555 section 7.3.4). */
export interface ExternalAccount {
  kid: string;
  /** base64url */
  hmacKey: string;
}

/** @throws PlatformError `config-invalid` or `data-folder` that names the file which cannot be used, and why. */
export async function loadCertificateSecrets(
  settings: Pick<CertificateSettings, 'eabFile' | 'dnsProvider' | 'caFile'>,
): Promise<CertificateSecrets> {
  return {
    externalAccounts: await loadExternalAccounts(settings.eabFile),
    dnsProvider: await loadProviderOptions(settings.dnsProvider?.file ?? null),
    roots: await loadRoots(settings.caFile),
  };
}

async function loadExternalAccounts(path: string | null): Promise<Record<string, ExternalAccount>> {
  const content = await readJson(path, 'ACME_EAB_FILE');
  for (const [directory, account] of Object.entries(content)) {
    if (!isExternalAccount(account)) {
      throw invalid('ACME_EAB_FILE', `${path} has no "kid" and "hmacKey" for ${directory}`, {
        hint: 'its form: {"https://ca.example/directory": {"kid": "…", "hmacKey": "…"}}',
      });
    }
  }
  return content as Record<string, ExternalAccount>;
}

function isExternalAccount(value: unknown): value is ExternalAccount {
  const { kid, hmacKey } = (value ?? {}) as Partial<Record<keyof ExternalAccount, unknown>>;
  return (
    typeof kid === 'string' && kid !== '' && typeof hmacKey === 'string' && isBase64Url(hmacKey)
  );
}

function isBase64Url(text: string): boolean {
  return /^[A-Za-z0-9_-]+={0,2}$/.test(text);
}

function loadProviderOptions(path: string | null): Promise<Record<string, unknown>> {
  return readJson(path, 'FN_DNS_PROVIDER_FILE');
}

async function readJson(path: string | null, variable: string): Promise<Record<string, unknown>> {
  if (path === null) return {};
  const text = await readPrivateFile(path);
  if (text === null) throw invalid(variable, `there is no ${path}`);
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    // The parser's message would repeat some of a secret.
    throw invalid(variable, `${path} is not JSON`);
  }
  const isObject = typeof content === 'object' && content !== null && !Array.isArray(content);
  if (!isObject) throw invalid(variable, `${path} holds no JSON object`);
  return content as Record<string, unknown>;
}

async function loadRoots(path: string | null): Promise<string | null> {
  if (path === null) return null;
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw invalid('ACME_CA_FILE', `${path} cannot be read`, { cause: error });
  });
  try {
    void new X509Certificate(text);
  } catch (error) {
    throw invalid('ACME_CA_FILE', `${path} begins with no certificate in PEM`, { cause: error });
  }
  return text;
}

function invalid(
  variable: string,
  problem: string,
  details: { hint?: string; cause?: unknown } = {},
): PlatformError {
  return new PlatformError('config-invalid', `${variable}: ${problem}`, {
    hint: 'docs/configuration.md describes the file',
    ...details,
  });
}
