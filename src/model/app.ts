/** App names are one part of a host name, so their rules are those of a DNS label, and stricter. */
const APP_NAME = /^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/;

/** Names that hosts of the platform itself have, or that people would take for it. */
const RESERVED_NAMES = new Set(
  (
    'admin api app apps auth control dashboard dns docs events fn functions git gitfn healthz help http https imap ' +
    'localhost login mail marketplace metrics ns openapi ops pop postgres readyz redis root smtp ssh static status ' +
    'support system tokens webmail whoami www'
  ).split(' '),
);

/** Says what is wrong with an app's name, or null when it may be used. */
export function appNameProblem(name: string): string | null {
  if (!APP_NAME.test(name)) {
    return 'an app name has 1 to 40 characters a-z, 0-9 and -, starts with a letter and does not end with -';
  }
  // The double hyphen separates a branch from its app in host names.
  if (name.includes('--')) return 'an app name has no double hyphen';
  if (RESERVED_NAMES.has(name)) return `the name "${name}" is reserved`;
  return null;
}
