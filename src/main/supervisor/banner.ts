/** What the server prints when it is ready. */
import { controlUrl, type PublicAddress } from '../../model/address.ts';

interface BannerFacts {
  address: PublicAddress;
  adminTokenFile: string;
  dataDir: string;
  /** `fn` as the reader can call it. */
  fn: string;
  /** Each a sentence; empty when all protections are there. */
  missingProtections: string[];
}

export function banner(facts: BannerFacts): string {
  const url = controlUrl(facts.address);
  const lines = [
    `gitfn is ready: ${url}`,
    `  data folder   ${facts.dataDir}`,
    `  admin token   ${facts.adminTokenFile}`,
    '',
    'Deploy a first function, from a git repository with an index.js or index.ts:',
    `  ${facts.fn} init --server ${url} --token-file ${facts.adminTokenFile}`,
    '  git push fn main',
  ];
  if (facts.missingProtections.length > 0) {
    lines.push('', 'Protection that is missing here:');
    for (const missing of facts.missingProtections) lines.push(`  - ${missing}`);
    lines.push(`  ${facts.fn} doctor says more.`);
  }
  return `${lines.join('\n')}\n`;
}

/** What running without root, or without cgroups, leaves open. */
export function missingProtections(facts: { isRoot: boolean; hasCgroups: boolean }): string[] {
  const missing: string[] = [];
  if (!facts.isRoot) {
    missing.push(
      'not started as root: functions and the platform run as one user, kept apart by namespaces alone',
    );
  }
  if (!facts.hasCgroups) {
    missing.push(
      'no cgroups for this user: the memory and processes of a function are not held to their limits',
    );
  }
  return missing;
}
