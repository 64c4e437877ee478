import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { App } from '../../protocol/control-client.generated.ts';
import { PlatformError } from '../../protocol/errors.ts';
import { type CommandDefinition, newCommand } from '../command.ts';
import {
  type AppOptions,
  chooseApp,
  type CommandContext,
  connect,
  inFolder,
} from '../command-context.ts';
import type { ControlClient } from '../server/control-client.ts';
import { deployCommit } from './deploy/deploy-commit.ts';
import { deployFolder } from './deploy/deploy-folder.ts';
import type { Deployed, DeployTarget } from './deploy/deploy-target.ts';
import { findApp } from '../server/find-app.ts';
import { createScratchRepository } from '../git/scratch-repository.ts';

interface DeployOptions extends AppOptions {
  branch?: string;
  message?: string;
}

const COMMIT = /^[0-9a-f]{7,40}$/i;

export const deploy: CommandDefinition = (program, ctx) => {
  const command = newCommand('deploy', 'deploy a folder or a commit')
    .argument('[what]', 'a folder, with git or without; or a commit (at least 7 digits)', '.')
    .option('--app <name>', 'the app, when not that of this repository')
    .option('--branch <name>', 'the branch to deploy to; the production branch otherwise')
    .option('--message <text>', 'of the commit that is made of a folder')
    .addHelpText(
      'after',
      '\nA folder is deployed as it is, committed or not, and stays as it is. Left out are what\n' +
        '.gitignore names, node_modules, .env* and .fn.\n' +
        'A commit gets a branch of its own, fn-deploy/<commit>, unless --branch says another.',
    );
  program.addCommand(command);
  command.action(async (what: string, options: DeployOptions) => {
    const folder = resolve(ctx.cwd, what);
    const isFolder = statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
    if (!isFolder && !COMMIT.test(what)) throw neither(what);
    const there = isFolder ? inFolder(ctx, folder) : ctx;
    const client = await connect(there);
    const appName = await chooseApp(there, options);
    const app = await findApp(client, appName);
    await requirePush(client, { appName, app });
    await using scratch = await createScratchRepository(ctx, {
      folder: there.cwd,
      server: client.server,
    });
    const url = `${client.server}/${appName}.git`;
    const say = (line: string): void =>
      options.json ? ctx.output.aside(line) : ctx.output.line(line);
    const target = { client, scratch, appName, app, url, say };
    ctx.output.waitFor('git and the platform');
    const deployed = isFolder
      ? await deployFolder(target, { folder, ...options })
      : await deployCommit(target, { prefix: what.toLowerCase(), branch: options.branch });
    await conclude(ctx, { target, deployed, options });
  });
};

interface Conclusion {
  target: DeployTarget;
  deployed: Deployed;
  options: DeployOptions;
}

async function conclude(
  ctx: CommandContext,
  { target, deployed, options }: Conclusion,
): Promise<void> {
  const { client, appName, say } = target;
  const params = { app: appName, deployment: `refs/heads/${deployed.branch}` };
  const deployment = await client.call('getDeployment', { params });
  if (!deployed.isChanged) {
    say(`-----> Nothing has changed: ${deployment.url} serves this already`);
  }
  if (options.json) ctx.output.json({ app: appName, ...deployed, deployment });
}

/** git itself would say no more than that there is no repository. @throws PlatformError forbidden */
async function requirePush(
  client: ControlClient,
  { appName, app }: { appName: string; app: App | null },
): Promise<void> {
  const { name, role, grants } = await client.call('whoAmI');
  const other = 'use a token that may: fn login --help';
  if (role === 'viewer') {
    const message = `the token "${name}" has the role viewer, which may not deploy`;
    throw new PlatformError('forbidden', message, { hint: other });
  }
  if (app !== null || grants.some((grant) => grant.app === null && grant.role !== 'viewer')) return;
  const message = `there is no app "${appName}" that the token "${name}" can see, and it may create none`;
  throw new PlatformError('forbidden', message, {
    hint: `check the name (fn apps shows what this token sees), or ${other}`,
  });
}

function neither(what: string): PlatformError {
  return new PlatformError('bad-request', `${what} is neither a folder nor a commit`, {
    hint: 'give a folder (fn deploy .), or at least 7 digits of a commit (fn deploy 1a2b3c4)',
  });
}
