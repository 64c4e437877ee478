import type { PublicAddress } from '../model/address.ts';
import {
  effectiveEnvironment,
  isSameEnvironment,
  scopesOf,
  type DeploymentEnvironment,
  type SealedEnvironment,
  type EnvironmentTarget,
} from '../model/environment.ts';
import type { BundlePort, EnvironmentPort } from './ports.ts';
import { preflight, type Preflight } from './preflight.ts';
import { platformVariables, type DescribedDeployment } from './variables.ts';

/** What deployments run with: the values of their scopes, above the bundle's own, below the platform's. */
export interface Environments {
  /** The app's newest environment version. */
  version(appId: string): Promise<number>;
  /** Everything that the workers of a deployment find in their environment, and where they may connect to. */
  assemble(deployment: EnvironmentOwner): Promise<SealedEnvironment>;
  /** Whether its code would see a difference between two versions of the app. */
  differ(
    owner: Omit<EnvironmentOwner, keyof DescribedDeployment> & EnvironmentTarget,
    one: number,
    other: number,
  ): Promise<boolean>;
  /** What the bundle's code would miss at a version. */
  check(
    owner: { appId: string; bundle: string } & EnvironmentTarget,
    version: number,
  ): Promise<Preflight>;
  /** What a build gets: the values that are marked for builds, whose user knows that install scripts see them. */
  forBuild(appId: string, target: EnvironmentTarget): Promise<BuildVariables>;
}

/** A deployment whose `envVersion` says which values it gets. */
export interface EnvironmentOwner extends DescribedDeployment {
  appId: string;
  bundle: string;
}

export interface BuildVariables {
  values: Record<string, string>;
  /** Tells these values from others without telling them: part of the build key. */
  version: string;
}

interface Deps {
  vault: Pick<EnvironmentPort, 'version' | 'read'>;
  bundles: BundlePort;
  address: PublicAddress;
}

export function createEnvironments({ vault, bundles, address }: Deps): Environments {
  /** What the platform adds is left out. */
  async function effective(
    { appId, bundle, kind, ref }: Parameters<Environments['differ']>[0],
    version: number,
  ): Promise<DeploymentEnvironment> {
    const entries = await vault.read(appId, version);
    const { variables } = await bundles.readNeeds(bundle);
    return effectiveEnvironment(entries, { kind, ref }, variables);
  }

  return {
    version: (appId) => vault.version(appId),

    async assemble(deployment) {
      const { values, secretNames } = await effective(deployment, deployment.envVersion);
      const { egress } = await bundles.readNeeds(deployment.bundle);
      const all = { ...values, ...platformVariables(address, deployment) };
      return { values: all, secretNames, egress };
    },

    async differ(owner, one, other) {
      if (one === other) return false;
      const [before, after] = await Promise.all([effective(owner, one), effective(owner, other)]);
      return !isSameEnvironment(before, after);
    },

    async check({ appId, bundle, kind, ref }, version) {
      const entries = await vault.read(appId, version);
      const { needs, variables } = await bundles.readNeeds(bundle);
      const { values } = effectiveEnvironment(entries, { kind, ref }, variables);
      return preflight(needs, new Set(Object.keys(values)), { entries, target: { kind, ref } });
    },

    async forBuild(appId, target) {
      const entries = await vault.read(appId, await vault.version(appId));
      const scopes = new Set(scopesOf(target));
      const marked = entries.filter(({ isBuild, scope }) => isBuild && scopes.has(scope));
      return {
        values: effectiveEnvironment(marked, target, {}).values,
        version: marked.map(({ name, scope, since }) => `${name} ${scope} ${since}`).join('\n'),
      };
    },
  };
}
