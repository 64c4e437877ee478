import { PlatformError } from '../protocol/errors.ts';
import type { HostAccess } from './ports.ts';

/** @throws PlatformError where git would meet a host without a sandbox around it */
export function requireConfinement({ isConfined }: Pick<HostAccess, 'isConfined'>): void {
  if (isConfined) return;
  throw new PlatformError('invalid', 'git hosts are not connected where nothing is confined', {
    hint: 'a host could reach the platform through git; fn doctor says what this machine needs to confine it',
  });
}
