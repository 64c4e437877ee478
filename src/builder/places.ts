/** Where this builder finds what the platform gives it: at the places of protocol/builder-places.ts, below a folder of its own where no sandbox makes the root one. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as inside from '../protocol/builder-places.ts';

const ROOT = process.argv[2] ?? '/';

export const CLIENT_FOLDERS = {
  npm: join(ROOT, inside.CLIENT_FOLDERS.npm),
  pnpm: join(ROOT, inside.CLIENT_FOLDERS.pnpm),
  yarn: join(ROOT, inside.CLIENT_FOLDERS.yarn),
  yarnBerry: join(ROOT, inside.CLIENT_FOLDERS.yarnBerry),
};

/** Holds Node's program and its headers. */
export const TOOLCHAIN = join(ROOT, '/usr/local');

const given = join(ROOT, inside.CERTIFICATES_FILE);

/** The machine's own lie where they are. */
export const CERTIFICATES_FILE = existsSync(given) ? given : inside.CERTIFICATES_FILE;
