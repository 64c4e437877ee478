/** `fn doctor`: looks at this machine as the server would, and says what is missing and which command mends it. */
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ERROR_TABLE, PlatformError } from '../protocol/errors.ts';
import type { Protection } from '../protocol/protections.ts';
import { detectCgroups } from '../sandbox/index.ts';
import { randomName } from '../std/ids.ts';
import { type Config, parseConfig } from './config/config.ts';
import { inheritedEnvironment, readHostEnvironment, readServerEnvironment } from './config/env.ts';
import { runDeepDoctor } from './deep-doctor.ts';
import { hasRoom } from './control/disks.ts';
import { reportFailure } from './report-failure.ts';
import { IN_PRIVATE_NAMESPACE, UNSAFE_SINGLE_TENANT } from './server-arguments.ts';
import { openConfinement } from './supervisor/sandboxes/confinement.ts';
import { tryLockFile } from './supervisor/machine/file-lock.ts';
import { closeInheritedDescriptors } from './supervisor/machine/inherited-descriptors.ts';
import {
  findTools,
  type HostTools,
  installCommand,
  missingPackages,
  TOOL_NAMES,
} from './supervisor/machine/host-tools.ts';
import { dataFolders, mountedLayout } from './supervisor/machine/layout.ts';
import { networkProtection } from './supervisor/network/network-protection.ts';
import { isOutwardsWanted } from './supervisor/network/outwards.ts';
import { packagedFile } from './supervisor/machine/packaged-files.ts';
import { ensurePrivateNamespace, mountRuntime } from './supervisor/machine/private-mounts.ts';
import { ROOT_RUNTIME_PARENT } from './supervisor/machine/runtime-folder.ts';
import { leaseUids } from './supervisor/machine/runtime-root.ts';

const PROJECT_DIR = dirname(dirname(import.meta.dirname));

/** Looks at what a running server keeps, instead of at the machine. */
const DEEP = '--deep';
/** The last is doctor's own, when it has started itself again. */
const KNOWN_ARGUMENTS = ['--json', DEEP, UNSAFE_SINGLE_TENANT, IN_PRIVATE_NAMESPACE];

interface Finding {
  status: 'ok' | 'warn' | 'fail';
  subject: string;
  detail: string;
  /** A command, or what to do. */
  fix?: string;
}

/**
 * Prints one line for each thing that was looked at, or with `--json` all of it as `{ findings: Finding[] }`; exits 0,
 * or 6 when the server could not run: as it is started without arguments, or with `--unsafe-single-tenant`.
 */
export async function runDoctor(args: readonly string[]): Promise<void> {
  try {
    const unknown = args.find((argument) => !KNOWN_ARGUMENTS.includes(argument));
    if (unknown !== undefined) throw unknownArgument(unknown);
    if (args.includes(DEEP)) {
      process.exit(await runDeepDoctor({ isJson: args.includes('--json') }));
    }
    const findings = await examine(args.includes(UNSAFE_SINGLE_TENANT));
    const text = args.includes('--json')
      ? JSON.stringify({ findings }, null, 2)
      : findings.map(present).join('\n');
    process.stdout.write(`${text}\n`);
    const isBroken = findings.some((finding) => finding.status === 'fail');
    process.exit(isBroken ? ERROR_TABLE.unavailable.exit : 0);
  } catch (error) {
    reportFailure('fn doctor', error);
  }
}

function unknownArgument(argument: string): PlatformError {
  return new PlatformError('bad-request', `fn doctor does not know ${argument}`, {
    hint: `it takes --json, ${DEEP}, and ${UNSAFE_SINGLE_TENANT} as fn server does`,
  });
}

async function examine(insists: boolean): Promise<Finding[]> {
  process.umask(0o022); // As the server's, and what follows too.
  closeInheritedDescriptors();
  const { toolFolders } = readHostEnvironment();
  const isComplete = missingPackages(toolFolders, insists ? 'bwrap' : undefined).length === 0;
  const tools = findTools(toolFolders) as HostTools;
  if (isComplete) ensurePrivateNamespace(tools, inheritedEnvironment());
  const configuration = examineConfiguration();
  const findings = [
    examineNode(),
    ...TOOL_NAMES.map((name) => examineTool(name, tools[name], insists && name === 'bwrap')),
    configuration.finding,
    ...(configuration.config === null ? [] : await examineData(configuration.config, tools)),
  ];
  if (isComplete) {
    findings.push(...(await examineProtections(tools, configuration.config, insists)));
  }
  return findings;
}

function present({ status, subject, detail, fix }: Finding): string {
  const line = `${status.padEnd(5)} ${subject.padEnd(15)} ${detail}`;
  return fix === undefined ? line : `${line}\n      ${' '.repeat(15)} → ${fix}`;
}

function examineNode(): Finding {
  return { status: 'ok', subject: 'node', detail: `${process.version}, ${process.execPath}` };
}

function examineTool(
  name: (typeof TOOL_NAMES)[number],
  path: string | null,
  isDispensable: boolean,
): Finding {
  if (path !== null) return { status: 'ok', subject: name, detail: path };
  const packages = missingPackages(readHostEnvironment().toolFolders);
  const status = isDispensable ? 'warn' : 'fail';
  return { status, subject: name, detail: 'missing', fix: installCommand(packages) };
}

function examineConfiguration(): { config: Config | null; finding: Finding } {
  try {
    const config = parseConfig(readServerEnvironment(), {
      workingDir: process.cwd(),
      cores: availableParallelism(),
    });
    const detail = `${config.host}:${config.port}, base domain ${config.baseDomain}`;
    return { config, finding: { status: 'ok', subject: 'configuration', detail } };
  } catch (error) {
    return { config: null, finding: failure('configuration', error) };
  }
}

async function examineData(config: Config, tools: HostTools): Promise<Finding[]> {
  return [
    examineDatabase(config),
    examineDataFolder(config.dataDir, tools),
    ...(await examineDisks(config.dataDir)),
  ];
}

function examineDatabase(config: Config): Finding {
  if (config.databaseUrl !== null) {
    return { status: 'ok', subject: 'postgres', detail: 'your own, by DATABASE_URL' };
  }
  try {
    const path = packagedFile(PROJECT_DIR, 'postgres');
    return { status: 'ok', subject: 'postgres', detail: `embedded, ${path}` };
  } catch (error) {
    return failure('postgres', error);
  }
}

function examineDataFolder(path: string, tools: HostTools): Finding {
  const subject = 'data folder';
  if (!existsSync(path)) return { status: 'ok', subject, detail: `${path}, made at first start` };
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    return {
      status: 'fail',
      subject,
      detail: `${path} cannot be written`,
      fix: `sudo chown -R "$(id -u)" ${path}`,
    };
  }
  const lock = tryLockFile(tools.flock, `${path}/lock`);
  lock?.release();
  const detail = lock === null ? `${path}, a server is running on it` : path;
  return { status: 'ok', subject, detail };
}

/** Each folder may be a file system of its own. */
async function examineDisks(dataDir: string): Promise<Finding[]> {
  const subject = 'disk';
  const full: string[] = [];
  for (const path of Object.values(dataFolders(dataDir))) {
    if (!(await hasRoom(path))) full.push(path);
  }
  if (full.length === 0) return [{ status: 'ok', subject, detail: 'the data folder has room' }];
  return full.map((path) => {
    return { status: 'warn', subject, detail: `${path} is full`, fix: `make room: df -h ${path}` };
  });
}

async function examineProtections(
  tools: HostTools,
  config: Config | null,
  insists: boolean,
): Promise<Finding[]> {
  const trials = mkdtempSync(join(tmpdir(), 'gitfn-doctor-'));
  chmodSync(trials, 0o711); // Functions have uids of their own.
  const cgroups = detectCgroups(`gitfn-doctor-${randomName(6)}`);
  try {
    const isRoot = process.getuid?.() === 0;
    const { protections, isPlain } = await openConfinement({
      tools,
      cgroups,
      slotUids: isRoot ? leaseUids(tools, null).slots : null,
      projectDir: isRoot ? reachableProject(tools) : PROJECT_DIR,
      folders: { slotsDir: trials, visibleDir: trials },
      masterKeyFile: config?.masterKeyFile ?? null,
      insists,
    });
    const isWanted = config === null || isOutwardsWanted(config.egress);
    const network = networkProtection({ tools, isRoot, isPlain, isWanted, failure: null });
    return [...protections, network].map(findingOf);
  } catch (error) {
    return [failure('sandbox', error)];
  } finally {
    await cgroups.close();
    rmSync(trials, { recursive: true, force: true });
  }
}

function findingOf({ protection, status, detail, fix }: Protection): Finding {
  const finding: Finding = { status: status === 'on' ? 'ok' : 'warn', subject: protection, detail };
  return fix === undefined ? finding : { ...finding, fix };
}

/** The project below a root that every uid can traverse, as the server mounts it. */
function reachableProject(tools: HostTools): string {
  const runtimeDir = `${ROOT_RUNTIME_PARENT}/doctor`;
  const layout = mountedLayout({ projectDir: PROJECT_DIR, dataDir: runtimeDir, runtimeDir });
  mkdirSync(ROOT_RUNTIME_PARENT, { recursive: true, mode: 0o711 });
  mountRuntime(tools, { projectDir: PROJECT_DIR, data: {}, layout });
  return layout.projectDir;
}

function failure(subject: string, error: unknown): Finding {
  if (!(error instanceof PlatformError)) throw error;
  const finding: Finding = { status: 'fail', subject, detail: error.message };
  if (error.hint !== undefined) finding.fix = error.hint;
  return finding;
}
