import type { KeeperEvents } from '../../certs/index.ts';
import type { Logger } from '../process/log.ts';

/** More would hide the first. */
const MAX_NAMED = 10;

/** What happens to certificates, in the log of control; `code` stays the same for who watches it. */
export function certificateEvents(log: Logger): KeeperEvents {
  return {
    issued: ({ names, notAfter }) =>
      log.info({ code: 'certificate-issued', names, notAfter }, 'a certificate was issued'),
    failed: (names, problem) =>
      log.info({ code: 'certificate-failed', names, problem }, 'a certificate was not issued'),
    alarm: (statuses, isClockBehind) => {
      const certificates = statuses.slice(0, MAX_NAMED).map(({ names, notAfter, problem }) => ({
        names,
        notAfter,
        problem: problem?.message,
      }));
      const text = isClockBehind
        ? "this machine's clock is behind: certificates are valid only from later on"
        : 'certificates have less than a third of their life left and are not renewed';
      log.warn({ code: 'certificates-at-risk', count: statuses.length, certificates }, text);
    },
    recovered: () =>
      log.info({ code: 'certificates-recovered' }, 'all certificates are renewed again'),
    error: (error) => log.error({ err: error }, 'the certificates could not be looked after'),
  };
}
