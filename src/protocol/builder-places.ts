/** Where a builder finds in its sandbox what the platform put there. */

/** Package managers, as their npm packages. */
export const CLIENT_FOLDERS = {
  npm: '/opt/npm',
  pnpm: '/opt/pnpm',
  /** Classic, 1.x. */
  yarn: '/opt/yarn',
  /** 4.x. */
  yarnBerry: '/opt/yarn-berry',
} as const;

export const CERTIFICATES_FILE = '/etc/ssl/certs/ca-certificates.crt';
