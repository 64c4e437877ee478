import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { OidcSettings } from '../../access/index.ts';
import { parseOidcRule } from '../../model/oidc-rule.ts';
import { PlatformError } from '../../protocol/errors.ts';
import { LOOPBACK } from '../../std/address-list.ts';
import type { ServerEnvironment } from './env.ts';

/** Without the secret itself, so that all settings can be shown. */
export type OidcConfig = Omit<OidcSettings, 'clientSecret'> & { clientSecretFile: string | null };

const MAX_RULES = 500;
const DEFAULT_HOURS = 12;
const MAX_HOURS = 720;

/** Null without an issuer. What cannot be used is told in `problems`. */
export function readOidcSettings(
  environment: ServerEnvironment,
  { workingDir, problems }: { workingDir: string; problems: string[] },
): OidcConfig | null {
  const {
    FN_OIDC_ISSUER: issuer,
    FN_OIDC_CLIENT_ID: clientId,
    FN_OIDC_CLIENT_SECRET_FILE: secretFile,
    FN_OIDC_ALLOWED: allowed = '',
    FN_OIDC_TOKEN_HOURS: hours = String(DEFAULT_HOURS),
  } = environment;
  if (issuer === undefined) return null;
  if (!isIssuer(issuer)) problems.push('FN_OIDC_ISSUER: a URL that starts with https:// is needed');
  if (clientId === undefined) problems.push('FN_OIDC_CLIENT_ID: it is needed with FN_OIDC_ISSUER');
  const tokenHours = Number(hours);
  if (!/^\d{1,4}$/.test(hours) || tokenHours < 1 || tokenHours > MAX_HOURS) {
    problems.push(`FN_OIDC_TOKEN_HOURS=${hours}: a number from 1 to ${MAX_HOURS} is needed`);
  }
  const entries = allowed.split(/[\s,]+/).filter(Boolean);
  if (entries.length > MAX_RULES) problems.push(`FN_OIDC_ALLOWED: at most ${MAX_RULES} entries`);
  const rules = entries.flatMap((entry) => {
    const rule = parseOidcRule(entry);
    if (rule === null) problems.push(`FN_OIDC_ALLOWED: "${entry}" is not WHO=ROLE or WHO=ROLE:APP`);
    return rule ?? [];
  });
  return {
    issuer,
    clientId: clientId ?? '',
    clientSecretFile: secretFile === undefined ? null : resolve(workingDir, secretFile),
    rules,
    tokenHours,
  };
}

/** Plain HTTP serves on this very machine alone. */
function isIssuer(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.search !== '' || url.hash !== '') return false;
  const isLocal = LOOPBACK.has(url.hostname.replace(/^\[|\]$/g, ''));
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLocal);
}

/** Read by the supervisor: the file may be closed to the uid of control. @throws PlatformError config-invalid */
export async function loadOidcSecret(config: OidcConfig | null): Promise<OidcSettings | null> {
  if (config === null) return null;
  const { clientSecretFile: path, ...settings } = config;
  if (path === null) return { ...settings, clientSecret: null };
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new PlatformError(
      'config-invalid',
      `FN_OIDC_CLIENT_SECRET_FILE: ${path} cannot be read`,
      {
        hint: 'name the file that holds the secret of the client, and nothing else',
        cause,
      },
    );
  });
  return { ...settings, clientSecret: text.trim() };
}
