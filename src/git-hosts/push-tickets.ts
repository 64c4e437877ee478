import type { Principal } from '../protocol/git-front.ts';
import { randomName } from '../std/ids.ts';
import type { OpenConnection } from './ports.ts';

/** What one push of a connection shows the git front in place of a token. It is kept in memory alone. */
export interface PushTickets {
  /** For as long as the work takes, for this app alone. */
  during<T>(connection: OpenConnection, work: (ticket: string) => Promise<T>): Promise<T>;
  find(ticket: string): { principal: Principal; appId: string; appName: string } | null;
}

/** 200 random bits. */
const TICKET_CHARACTERS = 40;

export function createPushTickets(): PushTickets {
  const tickets = new Map<string, OpenConnection>();
  return {
    async during(connection, work) {
      const ticket = `ticket_${randomName(TICKET_CHARACTERS)}`;
      tickets.set(ticket, connection);
      try {
        return await work(ticket);
      } finally {
        tickets.delete(ticket);
      }
    },
    find(ticket) {
      const connection = tickets.get(ticket);
      if (connection === undefined) return null;
      const { id, appId, appName, url } = connection;
      const principal = { kind: 'git-host', tokenId: id, tokenName: url.host + url.pathname };
      return { principal, appId, appName };
    },
  };
}
