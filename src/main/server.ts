/**
 * `fn server`, first half: arguments, the tools that it needs, and root's own namespace, for which the process replaces
 * itself. Only then the supervisor is loaded, which takes half a second: once.
 */
import { PlatformError } from '../protocol/errors.ts';
import { inheritedEnvironment, readHostEnvironment } from './config/env.ts';
import { reportFailure } from './report-failure.ts';
import { IN_PRIVATE_NAMESPACE, LOCAL_HTTPS, UNSAFE_SINGLE_TENANT } from './server-arguments.ts';
import { type HostTools, provideTools } from './supervisor/machine/host-tools.ts';
import { closeInheritedDescriptors } from './supervisor/machine/inherited-descriptors.ts';
import { ensurePrivateNamespace } from './supervisor/machine/private-mounts.ts';

/** The first is the server's own, when it has started itself again. */
const KNOWN_ARGUMENTS = [IN_PRIVATE_NAMESPACE, UNSAFE_SINGLE_TENANT, LOCAL_HTTPS];

/** Whoever may read a file is said by the mode it is made with; a stricter umask would close what others shall read. */
const UMASK = 0o022;

/** Resolves when the platform serves; the process then lives until it is told to end. */
export async function runServer(args: readonly string[]): Promise<void> {
  try {
    const tools = prepare(args);
    const { serve } = await import('./serve.ts');
    await serve({
      tools,
      say,
      insists: args.includes(UNSAFE_SINGLE_TENANT),
      isLocalHttps: args.includes(LOCAL_HTTPS),
    });
  } catch (error) {
    reportFailure('fn server', error);
  }
}

function prepare(args: readonly string[]): HostTools {
  process.umask(UMASK);
  closeInheritedDescriptors();
  const unknown = args.find((argument) => !KNOWN_ARGUMENTS.includes(argument));
  if (unknown !== undefined) throw unknownArgument(unknown);
  const tools = provideTools({
    folders: readHostEnvironment().toolFolders,
    ...(args.includes(UNSAFE_SINGLE_TENANT) && { dispensable: 'bwrap' }),
    say,
  });
  ensurePrivateNamespace(tools, inheritedEnvironment());
  return tools;
}

function unknownArgument(argument: string): PlatformError {
  return new PlatformError('bad-request', `fn server takes no argument ${argument}`, {
    hint: 'settings are variables, such as PORT=8080 fn server; docs/configuration.md lists them',
  });
}

function say(line: string): void {
  process.stderr.write(`fn server: ${line}\n`);
}
