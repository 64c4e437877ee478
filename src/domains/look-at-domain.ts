import { productionHost, type PublicAddress } from '../model/address.ts';
import { challengeHost, domainBase, type DomainReport } from '../model/domain.ts';
import {
  hostToAskFor,
  judgeAnswers,
  judgeServers,
  type DomainQuestion,
  type ServerAnswers,
} from './judge-answers.ts';
import type { DomainLookup, NameServersPort } from './ports.ts';

/** Asked of a zone: those of a domain are two to four in most cases. */
const MAX_NAME_SERVERS = 4;
/** For finding the name servers and for their answers, together: people wait for it. */
const NAME_SERVERS_DEADLINE_MS = 8_000;

interface Deps {
  dns: DomainLookup;
  nameServers: NameServersPort;
  address: PublicAddress;
}

/** Asks DNS for the proof of a domain and where it leads; the zone's own name servers where the resolver has no proof. */
export function createDomainLook(deps: Deps): (question: DomainQuestion) => Promise<DomainReport> {
  const { dns, nameServers, address } = deps;

  async function askServers({ name }: DomainQuestion): Promise<ServerAnswers[]> {
    const signal = AbortSignal.timeout(NAME_SERVERS_DEADLINE_MS);
    const servers = await nameServers.find(domainBase(name), signal);
    return Promise.all(
      servers.slice(0, MAX_NAME_SERVERS).map(async (server): Promise<ServerAnswers> => {
        const [txt, cname] = await Promise.all([
          nameServers.txt(server, challengeHost(name), signal),
          nameServers.cname(server, hostToAskFor(name), signal),
        ]);
        return { nameServer: server.nameServer, txt, cname };
      }),
    );
  }

  return async (question) => {
    const host = hostToAskFor(question.name);
    const [txt, cname, addresses, own] = await Promise.all([
      dns.txt(challengeHost(question.name)),
      dns.cname(host),
      dns.addresses(host),
      dns.addresses(productionHost(address, question.appName)),
    ]);
    const report = judgeAnswers(question, { txt, cname, addresses, own });
    if (report.proof !== null) return report;
    return judgeServers(question, report, await askServers(question));
  };
}
