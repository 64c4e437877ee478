import { resolve } from 'node:path';
import type { Command } from 'commander';
import { shellWord } from '../../../std/shell-word.ts';
import { readAuthorityFile } from '../../server/authority-files.ts';
import { newCommand } from '../../command.ts';
import { type CommandContext, type CommonOptions, connect } from '../../command-context.ts';

interface Trusting {
  /** What the commands are for. */
  who: string;
  commands: string[];
}

/** It changes nothing of the system: who trusts an authority should have typed it. */
export function trustCertificate(ctx: CommandContext): Command {
  return newCommand('trust', 'show how to trust the local authority of a server')
    .argument('[file]', 'its certificate; without it, the server is asked')
    .action(async (file: string | undefined, options: CommonOptions) => {
      const path = await findFile(ctx, file);
      const ways = waysToTrust(path);
      if (options.json) return ctx.output.json({ file: path, ways });
      ctx.output.line(
        `The certificate of the authority is ${path}. Nothing was changed; to trust it:`,
      );
      for (const { who, commands } of ways) {
        ctx.output.line('');
        ctx.output.line(`${who}:`);
        for (const command of commands) ctx.output.line(`  ${command}`);
      }
    });
}

async function findFile(ctx: CommandContext, file: string | undefined): Promise<string> {
  if (file !== undefined) {
    const path = resolve(ctx.cwd, file);
    await readAuthorityFile(path);
    return path;
  }
  const client = await connect(ctx);
  const { certificate } = await client.call('getAuthority');
  return ctx.authorities.store(client.server, `${certificate.trim()}\n`);
}

function waysToTrust(path: string): Trusting[] {
  const file = shellWord(path);
  const database = '"sql:$HOME/.pki/nssdb"';
  return [
    {
      who: 'Chromium and Chrome on Linux, this user (certutil is in libnss3-tools, nss-tools, nss)',
      commands: [
        'mkdir -p "$HOME/.pki/nssdb"',
        `[ -e "$HOME/.pki/nssdb/cert9.db" ] || certutil -N --empty-password -d ${database}`,
        `certutil -A -d ${database} -t C,, -n gitfn-local -i ${file}`,
      ],
    },
    {
      who: 'Firefox, each profile of this user',
      commands: [
        `for p in "$HOME"/.mozilla/firefox/*/cert9.db; do certutil -A -d "sql:$(dirname "$p")" -t C,, -n gitfn-local -i ${file}; done`,
      ],
    },
    {
      who: 'All of a Debian or Ubuntu (curl, git, Python, …)',
      commands: [
        `sudo cp ${file} /usr/local/share/ca-certificates/gitfn-local.crt`,
        'sudo update-ca-certificates',
      ],
    },
    {
      who: 'All of a Fedora or RHEL',
      commands: [`sudo trust anchor ${file}`],
    },
    {
      who: 'All of a Mac (Safari, Chrome)',
      commands: [
        `sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain ${file}`,
      ],
    },
    { who: 'Node, in this shell', commands: [`export NODE_EXTRA_CA_CERTS=${file}`] },
    { who: 'curl, once', commands: [`curl --cacert ${file} https://…`] },
    {
      who: 'fn and git, for one server (git in this repository)',
      commands: [`fn init --server https://… --ca-file ${file}`],
    },
    {
      who: 'git alone, for one server',
      commands: [`git config --global http.https://….sslCAInfo ${file}`],
    },
  ];
}
