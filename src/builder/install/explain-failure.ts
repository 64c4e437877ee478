/** What a package manager's output means to the person who pushed. */
import type { BuildProblem } from '../../protocol/builder.ts';
import type { DetectedClient } from './detect-client.ts';
import { LOCK_COMMANDS } from './client-commands.ts';
import type { NamedRegistry } from './named-registries.ts';
import { problem } from './problem.ts';
import { type CommandEnd, wasKilled } from './run-command.ts';

interface FailedInstall {
  title: string;
  detected: DetectedClient;
  end: CommandEnd;
  registry: string;
  /** Why connections were refused: install scripts show as little of it as "403". */
  refusals: readonly string[];
  /** By the project itself. */
  named: readonly NamedRegistry[];
  /** What the sandbox's files may take. */
  diskMib: number;
  memoryMib: number;
}

type Explain = (match: RegExpMatchArray, failure: FailedInstall) => BuildProblem | null;

const SHOWN_LINES = 20;
/** Colours and cursor movements (ECMA-48). */
// oxlint-disable-next-line no-control-regex -- they begin with a control character
const ESCAPES = /\u001b\[[0-9;?]*[ -/]*[@-~]/g;

/** Why build/registry-proxy.ts comes to no connection with a host that builds may reach. */
const UNREACHED = /its name cannot be resolved|leads to an address|does not answer/;

/** The first that matches counts: what says most comes first. */
const EXPLANATIONS: [RegExp, Explain][] = [
  [/ENOSPC|no space left on device/i, (_, failure) => diskProblem(failure.title, failure.diskMib)],
  [
    /(?:EINTEGRITY|ERR_PNPM_TARBALL_INTEGRITY|Integrity check failed|YN0018)/,
    (_, { detected, end }) =>
      problem(`${packageIn(end.tail) ?? 'A package'} is not what ${detected.lockfile} says`, {
        lines: linesWith(end.tail, /integrity|checksum|YN0018|sha\d/i),
        hint: `the registry serves other bytes than those that were locked; if that is right, lock it anew: ${LOCK_COMMANDS[detected.client]}`,
      }),
  ],
  [
    /ERR_PNPM_LOCKFILE_BREAKING_CHANGE/,
    (_, { detected }) =>
      problem(`${detected.lockfile} is of a pnpm before 9, whose lockfiles builds cannot read`, {
        hint: `make it anew with pnpm 10 and push again: npx pnpm@10 install --lockfile-only && git add ${detected.lockfile}`,
      }),
  ],
  [
    /in sync|ERR_PNPM_OUTDATED_LOCKFILE|ERR_PNPM_LOCKFILE|lockfile needs to be updated|YN0028|The lockfile would have been/,
    (_, { detected, end }) =>
      mismatchProblem(
        detected,
        linesWith(end.tail, /Missing:|Invalid:|specifiers|YN0028|needs to be updated|^\*/),
      ),
  ],
  [
    /\b403\b|tunnel/,
    (_, { refusals, named, end }) =>
      refusedRegistryProblem({ refusals, named, lines: linesWith(end.tail, /\b403\b|tunnel/) }),
  ],
  [
    /\b403\b|tunnel/,
    (_, { refusals, end }) => {
      const refusal = refusals.find((reason) => /builds reach .* only$/.test(reason));
      if (refusal === undefined) return null;
      return problem(`An install script was refused a download: ${refusal}`, {
        lines: linesWith(end.tail, /\b403\b|tunnel/),
        hint: 'take a version that brings its binaries through the registry, or have the operator add the host to FN_BUILD_REGISTRIES',
      });
    },
  ],
  [
    // The platform's own refusal of a connection looks like the registry's of a package.
    /\b403\b|tunnel/,
    (_, { title, registry, refusals, named, end }) =>
      refusals.some((reason) => UNREACHED.test(reason))
        ? unreachedProblem({
            title,
            registry,
            refusals,
            named,
            lines: linesWith(end.tail, /\b403\b|tunnel/),
          })
        : null,
  ],
  [
    /\bE401\b|\bE403\b|ERR_PNPM_FETCH_40[13]|YN0041|YN0033|Request failed "?40[13]|(?:401|403) (?:Unauthorized|Forbidden)/i,
    (_, { end, registry }) =>
      problem(
        `The registry gives ${packageIn(end.tail) ?? 'a package'} to nobody without a token`,
        {
          lines: linesWith(end.tail, /40[13]|unauthori[sz]ed|forbidden|authenticat/i),
          hint: `write //${URL.parse(registry)?.host ?? 'registry.example.com'}/:_authToken=\${NPM_TOKEN} in .npmrc, and give builds its value: fn env set NPM_TOKEN=- --build`,
        },
      ),
  ],
  [
    /\bETARGET\b|ERR_PNPM_NO_MATCHING_VERSION|Couldn't find any versions for|YN0082/,
    (_, { end, registry }) =>
      problem(`The registry has no such version of ${packageIn(end.tail) ?? 'a package'}`, {
        lines: linesWith(end.tail, /matching version|any versions|No candidates|notarget/i),
        hint: `see which there are: npm view ${packageIn(end.tail)?.replace(/(.)@.*/, '$1') ?? 'NAME'} versions --registry ${registry}`,
      }),
  ],
  [
    /\bE404\b|ERR_PNPM_FETCH_404|Couldn't find package|YN0035|404 (?:\(?Not Found|not_found)|Request failed "404/i,
    (_, { end, registry }) =>
      problem(`${packageIn(end.tail) ?? 'A package'} is not in the registry ${registry}`, {
        lines: linesWith(end.tail, /404|not found|couldn't find/i),
        hint: 'is its name right? A private package needs its registry and token in .npmrc',
      }),
  ],
  [
    /builds reach .* only|its name cannot be resolved|it does not answer|leads to an address/,
    (_, { title, end }) =>
      problem(`${title} asked for a host that builds do not reach`, {
        lines: tailOf(end),
        hint: 'the operator names further registries in FN_BUILD_REGISTRIES',
      }),
  ],
  [
    /ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT|EAI_AGAIN|ENOTFOUND|socket hang up|tunneling socket|network (?:timeout|request)|ERR_PNPM_META_FETCH_FAIL|RequestError|statusCode=403|ECONNABORTED|Premature close|aborted|unexpected end of file/i,
    (_, { registry, end }) =>
      problem(`The registry ${registry} did not answer as it should`, {
        lines: tailOf(end),
        hint: 'push again in a moment; if it goes on, the operator can see whether the server reaches it',
      }),
  ],
  [
    /gyp ERR|node-gyp/,
    (_, { end }) =>
      problem('A package with native code could not be compiled', {
        lines: tailOf(end),
        hint: 'compiling takes python3, make and g++ on the server (apt-get install -y python3 make g++), or a version of the package that ships prebuilt',
      }),
  ],
];

export function explainInstallFailure(failure: FailedInstall): BuildProblem {
  const tail = failure.end.tail.map((line) => line.replace(ESCAPES, ''));
  const end = { ...failure.end, tail };
  const output = tail.join('\n');
  if (wasKilled(end)) return memoryProblem(failure.title, failure.memoryMib);
  for (const [pattern, explain] of EXPLANATIONS) {
    const match = output.match(pattern);
    const explanation = match && explain(match, { ...failure, end });
    if (explanation !== null) return explanation;
  }
  const how = end.signal === null ? `exit code ${end.code}` : `signal ${end.signal}`;
  return problem(`${failure.title} failed (${how})`, { lines: tailOf(end) });
}

interface RefusedRegistry {
  refusals: readonly string[];
  named: readonly NamedRegistry[];
  lines: string[];
}

/** Null when no registry that the project names was refused. */
function refusedRegistryProblem({ refusals, named, lines }: RefusedRegistry): BuildProblem | null {
  const refused = named.find(({ address }) =>
    refusals.some((reason) => reason.includes(` ${address}: builds reach `)),
  );
  if (refused === undefined) return null;
  const { address, url, file } = refused;
  return problem(`Builds do not reach the registry ${address}, which ${file} names`, {
    lines,
    hint: `take the line out of ${file}, or have the operator add it and restart the server: FN_BUILD_REGISTRIES=${url}`,
  });
}

interface Unreached extends RefusedRegistry {
  title: string;
  registry: string;
}

/** No connection came about: to the operator's registry, or to one that the project names and builds may not reach. */
export function unreachedProblem(unreached: Unreached): BuildProblem {
  const { title, registry, refusals, lines } = unreached;
  const ofProject = refusedRegistryProblem(unreached);
  if (ofProject !== null) return ofProject;
  const refusal = refusals.find((reason) => UNREACHED.test(reason));
  if (refusal === undefined) {
    return problem(`${title} asked for a host that builds do not reach: ${refusals[0] ?? ''}`, {
      lines,
      hint: 'is the registry in .npmrc or .yarnrc.yml right? The operator names further ones in FN_BUILD_REGISTRIES',
    });
  }
  return problem(`Builds do not reach the registry ${registry}: ${refusal}`, {
    lines,
    hint: 'the operator sees to the name and its network, or names the address of a registry in a private one: FN_BUILD_REGISTRIES in docs/configuration.md',
  });
}

export function mismatchProblem(
  { lockfile, client }: DetectedClient,
  lines: string[],
): BuildProblem {
  return problem(`${lockfile} does not match package.json`, {
    lines,
    hint: `bring it up to date and push again: ${LOCK_COMMANDS[client]}`,
  });
}

export function diskProblem(title: string, diskMib: number): BuildProblem {
  return problem(`${title} needs more disk space than a build has (${diskMib} MB)`, {
    hint: 'the operator can raise FN_BUILD_MEMORY, of which three quarters are for files',
  });
}

/** Only the kernel sends that signal here. */
export function memoryProblem(title: string, memoryMib: number): BuildProblem {
  return problem(`${title} was stopped: it needs more memory than a build has (${memoryMib} MB)`, {
    hint: 'files that it writes count, too; the operator can raise FN_BUILD_MEMORY',
  });
}

export function tailOf({ tail }: CommandEnd): string[] {
  const lines = tail.map((line) => line.replace(ESCAPES, '')).filter((line) => line.trim() !== '');
  return lines.filter((line) => !/A complete log of this run/.test(line)).slice(-SHOWN_LINES);
}

function linesWith(tail: readonly string[], pattern: RegExp): string[] {
  const found = tail.filter((line) => pattern.test(line)).map((line) => line.trim());
  return [...new Set(found)].slice(0, SHOWN_LINES);
}

const PACKAGE = String.raw`((?:@[\w.~-]+/)?[\w.~-]+(?:@[\w.^~<>=*+-]+)?)`;
/** How the package managers name the package that they failed at. */
const NAMINGS = [
  new RegExp(String.raw`requested resource '((?:@[\w.~-]+/)?[\w.~-]+)@https?:`),
  new RegExp(String.raw`404 +'${PACKAGE}'`),
  new RegExp(String.raw`No matching version found for ${PACKAGE}`),
  new RegExp(String.raw`No fetchable version .*? ${PACKAGE}`),
  new RegExp(String.raw`find (?:package|any versions for) "${PACKAGE}"`),
  new RegExp(
    String.raw`(?:GET|for) "?https?:\S+?/((?:@[\w.~-]+(?:/|%2[fF]))?[\w.~-]+)(?:/-/\S+)?(?:[ :"]|$)`,
  ),
  new RegExp(String.raw`│ ${PACKAGE}@npm`),
  new RegExp(String.raw`YN00\d\d:.*?${PACKAGE}@`),
  new RegExp(String.raw`tarball .*?/((?:@[\w.~-]+/)?[\w.~-]+)/-/`),
  new RegExp(String.raw`https?:\S+?/((?:@[\w.~-]+(?:/|%2[fF]))?[\w.~-]+)(?:/-/\S+)?[ :"]`),
];

function packageIn(tail: readonly string[]): string | null {
  for (const naming of NAMINGS) {
    for (const line of tail) {
      const name = naming.exec(line)?.[1];
      if (name !== undefined) return decodeURIComponent(name).replace(/@\*$/, '');
    }
  }
  return null;
}
