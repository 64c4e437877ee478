/**
 * Whoever starts the server may have files open that it inherits without knowing: a shell's `20<secret`, a CI's log, a
 * service manager's socket. Node keeps only the first of them from its own children, so the others would go down to
 * each process of the platform and into each sandbox.
 */
import { closeSync, readdirSync, readFileSync } from 'node:fs';

const FOLDER = '/proc/self/fd';
const FLAGS_FOLDER = '/proc/self/fdinfo';
const STANDARD_STREAMS = 3;
/** Of open(2), as Linux has it on all our machines. */
const CLOSE_ON_EXEC = 0o2000000;

/**
 * Closes what this process was given beside its standard streams. To be called at the start; what it opens by itself
 * is closed in its children by a flag, and that is how the two are told apart.
 */
export function closeInheritedDescriptors(): void {
  for (const name of readdirSync(FOLDER)) {
    const fd = Number(name);
    if (fd >= STANDARD_STREAMS && isInherited(fd)) closeSync(fd);
  }
}

function isInherited(fd: number): boolean {
  try {
    const info = readFileSync(`${FLAGS_FOLDER}/${fd}`, 'utf8');
    const flags = /^flags:\s*([0-7]+)$/m.exec(info)?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
  } catch {
    return false; // The one with which the folder was listed.
  }
}
