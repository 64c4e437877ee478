/**
 * The lines that a pusher sees, in Heroku's convention: `-----> step`, seven spaces before details, ` !     ` before
 * what went wrong. Never colours or cursor movements: git passes the text through to any terminal or CI log.
 */
import { commitUrl, type PublicAddress } from '../model/address.ts';
import type { ServedFunction } from '../model/served.ts';
import { shortRefName } from '../model/slug.ts';
import type { InitFailure } from '../protocol/data-plane.ts';
import { formatBytes, shortSha } from '../protocol/display.ts';
import type { Deployment } from '../store/deployments.ts';

/** "Environment" and the space after it. */
const LABEL_CHARACTERS = 13;
const MAX_FUNCTION_LINES = 30;

export function stepLine(text: string): string {
  return `-----> ${text}`;
}

export function detailLine(text: string): string {
  return `       ${text}`;
}

export function warningLine(text: string): string {
  return `       warning: ${text}`;
}

export function problemLine(text: string): string {
  return ` !     ${text}`;
}

/** What a failed start means for the pusher, before the source frame. */
export function describeInitFailure(failure: InitFailure): string {
  switch (failure.reason) {
    case 'threw':
      return `The code throws while it loads: ${failure.message}`;
    case 'no-handler':
      return failure.message;
    case 'timeout':
      return `The code does not finish loading: ${failure.message}`;
    case 'exited':
      return `The process ends while the code loads: ${failure.message}`;
    case 'out-of-memory':
      return `The code needs more memory than it has to load: ${failure.message}`;
    default:
      return failure.reason satisfies never;
  }
}

export interface ReleaseSummary {
  deployment: Deployment;
  url: string;
  bundleBytes: number;
  functions: ServedFunction[];
  /** The production version that was live before, for the way back. */
  previousVersion: number | null;
  totalMs: number;
}

/** The block that ends every push. */
export function summaryLines(address: PublicAddress, appName: string, s: ReleaseSummary): string[] {
  const { deployment } = s;
  const build = deployment.buildMs === null ? 'stored' : `${deployment.buildMs} ms`;
  const lines = [
    stepLine(`Live: ${describeTarget(deployment)} v${deployment.version} of ${appName}`),
    detailLine(`URL          ${s.url}`),
    ...functionLines(s),
    detailLine(`This commit  ${commitUrl(address, appName, deployment.commit)}`),
    detailLine(`Commit       ${shortSha(deployment.commit)} ${deployment.subject}`),
    detailLine(`Environment  version ${deployment.envVersion}`),
    detailLine(`Build        ${build}, in all ${Math.round(s.totalMs)} ms`),
    detailLine(`Bundle       ${formatBytes(s.bundleBytes)}`),
  ];
  if (s.previousVersion !== null) {
    lines.push(detailLine(`Undo         fn rollback v${s.previousVersion}`));
  }
  return lines;
}

/** Where each of several functions is; one that answers everything needs no line. */
function functionLines({ functions, url }: Pick<ReleaseSummary, 'functions' | 'url'>): string[] {
  const own = functions.filter(({ path }) => path !== undefined);
  const shown = own.slice(0, MAX_FUNCTION_LINES).map(({ name, path = '/', methods }, index) => {
    const label = (index === 0 ? 'Functions' : '').padEnd(LABEL_CHARACTERS);
    const verbs = methods === undefined ? '' : `  ${methods.join(', ')}`;
    return detailLine(`${label}${url}${path}  ${name}${verbs}`);
  });
  const more = own.length - shown.length;
  if (more > 0) shown.push(detailLine(`${' '.repeat(LABEL_CHARACTERS)}and ${more} more`));
  return shown;
}

function describeTarget(deployment: Deployment): string {
  const { kind, ref } = deployment;
  return kind === 'production' ? 'production' : `${kind} ${shortRefName(ref)}`;
}
