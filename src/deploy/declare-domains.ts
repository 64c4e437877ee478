import type { DeclaredDomain } from '../domains/index.ts';
import { shellWord } from '../std/shell-word.ts';
import type { App } from '../store/apps.ts';
import type { Deployment } from '../store/deployments.ts';
import type { BundlePort, DomainsPort, Report } from './ports.ts';
import { detailLine, stepLine, warningLine } from './report.ts';

/** Adds what `domains` of fn.json names, once production has it. Its trouble fails no push. */
export type DeclareDomains = (app: App, released: Deployment, report: Report) => Promise<void>;

interface Deps {
  bundles: Pick<BundlePort, 'readNeeds'>;
  domains: DomainsPort;
  onError: (error: unknown) => void;
}

export function createDeclareDomains({ bundles, domains, onError }: Deps): DeclareDomains {
  return async (app, { kind, bundle }, report) => {
    if (kind !== 'production' || bundle === null) return;
    try {
      const { domains: names } = await bundles.readNeeds(bundle);
      if (names.length === 0) return;
      for (const declared of await domains.declare(app, names)) {
        for (const line of linesOf(declared)) report(line);
      }
    } catch (error) {
      onError(error);
      report(
        warningLine('the domains of fn.json could not be looked after; fn domains list shows them'),
      );
    }
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
