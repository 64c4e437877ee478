/** What FN_DNS_PROVIDER_FILE holds: fields by name, of which each provider says what it needs. */
import { settingsRefused } from './provider-error.ts';

export interface ProviderFields {
  /** @throws PlatformError `config-invalid` when the field is missing or no text of one line. */
  text(name: string): string;
  optionalText(name: string): string | null;
  /** Texts by name; none where the field is missing. */
  texts(name: string): Record<string, string>;
  /** To be called last. @throws PlatformError `config-invalid` that names a field nobody asked for: a misspelt one. */
  end(): void;
}

/** Values may be secrets: no message repeats one. */
export function readProviderFields(
  provider: string,
  options: Readonly<Record<string, unknown>>,
): ProviderFields {
  const fields = new Map(Object.entries(options));
  const asked = new Set<string>();
  const refuse = (message: string): Error =>
    settingsRefused(
      `FN_DNS_PROVIDER_FILE: ${message}`,
      `docs/certificates.md has the fields of "${provider}".`,
    );

  function optionalText(name: string): string | null {
    asked.add(name);
    const value = fields.get(name);
    if (value === undefined) return null;
    // A line break would end a header, or an argument of a log.
    if (typeof value === 'string' && /^[^\p{Cc}]+$/u.test(value)) return value;
    throw refuse(`"${name}" must be a text of one line`);
  }

  return {
    optionalText,
    text(name) {
      const value = optionalText(name);
      if (value === null) throw refuse(`"${name}" is missing`);
      return value;
    },
    texts(name) {
      asked.add(name);
      const value = fields.get(name) ?? {};
      const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
      const entries: [string, unknown][] = isObject ? Object.entries(value) : [];
      if (!isObject || !entries.every(([, text]) => isEnvironmentText(text))) {
        throw refuse(`"${name}" must be an object of texts`);
      }
      return Object.fromEntries(entries.map(([key, text]) => [key, String(text)]));
    },
    end() {
      const stray = [...fields.keys()].find((name) => !asked.has(name));
      if (stray !== undefined) throw refuse(`"${stray}" is no field of "${provider}"`);
    },
  };
}

function isEnvironmentText(value: unknown): boolean {
  return typeof value === 'string' && !value.includes('\0');
}
