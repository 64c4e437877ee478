/** What the server prints when it is ready. */
import { controlUrl, isLocalName, type PublicAddress } from '../../model/address.ts';
import type { Protection } from '../../protocol/protections.ts';
import type { OfPorts } from './port.ts';

interface BannerFacts {
  address: PublicAddress;
  ports: OfPorts;
  adminTokenFile: string;
  dataDir: string;
  /** `fn` as the reader can call it. */
  fn: string;
  protections: readonly Protection[];
  /** The certificate that local clients are to trust; null without one. */
  localAuthorityFile: string | null;
  /** Fingerprint of the host key; null where nothing comes over SSH. */
  sshHostKey: string | null;
}

export function banner(facts: BannerFacts): string {
  const { address, ports, localAuthorityFile } = facts;
  const url = controlUrl(address);
  // On this very machine, where nobody listens in, certificates that no public CA gives are not needed.
  const isPlain = isLocalName(address.controlHost) && localAuthorityFile === null;
  const init = isPlain ? controlUrl({ ...address, scheme: 'http', port: ports.http }) : url;
  const authority = localAuthorityFile === null ? '' : ` --ca-file ${localAuthorityFile}`;
  const lines = [
    `gitfn is ready: ${url}`,
    ...(ports.https === null
      ? []
      : [`  ports         ${ports.https} for https, ${ports.http} for http`]),
    ...(facts.sshHostKey === null
      ? []
      : [`  git over SSH  port ${ports.ssh}, host key ${facts.sshHostKey}`]),
    ...(localAuthorityFile === null ? [] : [`  local CA      ${localAuthorityFile}`]),
    `  data folder   ${facts.dataDir}`,
    `  admin token   ${facts.adminTokenFile}`,
    '',
    'Deploy a first function, from a git repository with an index.js or index.ts:',
    `  ${facts.fn} init --server ${init} --token-file ${facts.adminTokenFile}${authority}`,
    '  git push fn main',
    ...(localAuthorityFile === null ? [] : trustLines(facts.fn, localAuthorityFile)),
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

function trustLines(fn: string, localAuthorityFile: string): string[] {
  return [
    '',
    'For browsers and other programs, which believe this machine only when told to:',
    `  ${fn} certificates trust ${localAuthorityFile}`,
  ];
}
