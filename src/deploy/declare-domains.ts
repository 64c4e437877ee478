import type { DeclaredDomain } from '../domains/index.ts';
import { shellWord } from '../std/shell-word.ts';
import { findApp, type App } from '../store/apps.ts';
import type { Database } from '../store/database.ts';
import {
  listOwingDomains,
  settleDomains,
  type Deployment,
  type DeploymentTrigger,
} from '../store/deployments.ts';
import type { Attempt } from './attempt.ts';
import type { BundlePort, DomainsPort, Report } from './ports.ts';
import { detailLine, stepLine, warningLine } from './report.ts';

/** Adds what `domains` of fn.json names, once production has it. */
export interface DomainDeclarations {
  /** Its trouble fails no push: it is reported, and the reconciler tries again. */
  declare(app: App, released: Deployment, report: Report): Promise<void>;
  /** What trouble, or a crash behind the release, has kept from it. */
  catchUp(attempt: Attempt): Promise<void>;
}

interface Deps {
  db: Database;
  bundles: Pick<BundlePort, 'readNeeds'>;
  domains: DomainsPort;
  onError: (error: unknown) => void;
}

/** Until then whoever released it declares them, and tells the pusher what to do. */
const LEFT_ALONE_MS = 60_000;

/** Whether a deployment brings domains: one that brings back what was there before does not. */
export function declaresDomains({ kind, trigger }: Pick<Deployment, 'kind' | 'trigger'>): boolean {
  return kind === 'production' && DECLARING.has(trigger);
}

const DECLARING: ReadonlySet<DeploymentTrigger> = new Set(['push', 'reconcile', 'promote']);

export function createDomainDeclarations(deps: Deps): DomainDeclarations {
  const { db, bundles, domains, onError } = deps;

  async function declareAll(app: App, { id, bundle }: Deployment, report: Report): Promise<void> {
    const names = bundle === null ? [] : (await bundles.readNeeds(bundle)).domains;
    for (const declared of names.length === 0 ? [] : await domains.declare(app, names)) {
      for (const line of linesOf(declared)) report(line);
    }
    await settleDomains(db, id);
  }

  return {
    async declare(app, released, report) {
      if (!declaresDomains(released)) return;
      try {
        await declareAll(app, released, report);
      } catch (error) {
        onError(error);
        report(
          warningLine('the domains of fn.json could not be looked after; the platform tries again'),
        );
      }
    },
    async catchUp(attempt) {
      for (const released of await listOwingDomains(db, { liveForMs: LEFT_ALONE_MS })) {
        await attempt(async () => {
          const app = await findApp(db, released.appId);
          if (app !== null) await declareAll(app, released, () => {});
        });
      }
    },
  };
}

function linesOf(declared: DeclaredDomain): string[] {
  switch (declared.kind) {
    case 'known':
      return [];
    case 'refused':
      return [warningLine(`fn.json: ${declared.reason}`), detailLine(`  ${declared.hint}`)];
    case 'added': {
      const { name, records } = declared;
      const [first] = records;
      const wanted = first?.purpose === 'both' ? records.slice(0, 1) : records;
      return [
        stepLine(`Domain ${name} waits for its proof: create in DNS`),
        ...wanted.map((record) => detailLine(`${record.type}  ${record.name}  ${record.value}`)),
        detailLine(`and then: fn domains verify ${shellWord(name)} --wait`),
      ];
    }
    default:
      return declared satisfies never;
  }
}
