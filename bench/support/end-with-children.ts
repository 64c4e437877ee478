import { descendantsOf } from '../../test/support/processes.ts';

/** As shells report who was ended by a signal: 128 and its number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** A bench that is ended by a signal takes the servers along that it has started; each of them ends its own. */
export function endWithChildren(): void {
  for (const [signal, code] of Object.entries(EXIT_CODES)) {
    process.once(signal, () => {
      const children = descendantsOf(process.pid).filter(({ parent }) => parent === process.pid);
      for (const { pid } of children) end(pid);
      process.exit(code);
    });
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch {
    // It has ended meanwhile.
  }
}
