/** What the server prints when it is ready. */
import { controlUrl, type PublicAddress } from '../../model/address.ts';
import type { Protection } from '../../protocol/protections.ts';

interface BannerFacts {
  address: PublicAddress;
  adminTokenFile: string;
  dataDir: string;
  /** `fn` as the reader can call it. */
  fn: string;
  protections: readonly Protection[];
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
  const missing = facts.protections.filter(({ status }) => status !== 'on');
  if (missing.length > 0) {
    lines.push('', 'Protection that is missing here:');
    for (const { protection, status, detail } of missing) {
      lines.push(`  - ${protection} ${status}: ${detail}`);
    }
    lines.push(`  ${facts.fn} doctor says more.`);
  }
  return `${lines.join('\n')}\n`;
}
