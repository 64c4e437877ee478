/** A session of a connection (RFC 4254 section 6): one command, and the channel over which it answers. */
import type { ServerChannel, Session } from 'ssh2';

/** A client closes a channel as soon as it has read how its command ended. */
export const CLOSING_MS = 2_000;

export interface Asking {
  stream: ServerChannel;
  command: string;
}

/** One command for each session; null for one that asks for none in time. */
export function onCommand(
  session: Session,
  deadlineMs: number,
  onAsked: (asking: Asking | null) => void,
): void {
  const late = setTimeout(() => onAsked(null), deadlineMs);
  session.once('close', () => clearTimeout(late));
  session.once('exec', (accept, _reject, { command }) => {
    clearTimeout(late);
    const stream = accept();
    if (stream !== undefined) onAsked({ stream, command });
  });
}

/** Resolves when the client has closed the channel, or has had the time for it. */
export function closing(stream: ServerChannel): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(resolve, CLOSING_MS);
    stream.once('close', () => {
      clearTimeout(late);
      resolve();
    });
  });
}
