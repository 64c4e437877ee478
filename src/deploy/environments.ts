import type { PublicAddress } from '../model/address.ts';
import {
  effectiveEnvironment,
  type DeploymentEnvironment,
  type EnvironmentTarget,
} from '../model/environment.ts';
import type { BundlePort, EnvironmentPort } from './ports.ts';
import { preflight, type Preflight } from './preflight.ts';
import { platformVariables, type DescribedDeployment } from './variables.ts';

/** What deployments run with: the values of their scopes, above the bundle's own, below the platform's. */
export interface Environments {
  /** The app's newest environment version. */
  version(appId: string): Promise<number>;
  /** Everything that the workers of a deployment find in their environment. */
  assemble(deployment: EnvironmentOwner): Promise<DeploymentEnvironment>;
  /** The same without what the platform adds, at a version of the app. */
  effective(
    owner: Omit<EnvironmentOwner, keyof DescribedDeployment> & EnvironmentTarget,
    version: number,
  ): Promise<DeploymentEnvironment>;
  /** What the bundle's code would miss at a version. */
  check(
    owner: { appId: string; bundle: string } & EnvironmentTarget,
    version: number,
  ): Promise<Preflight>;
  /** What a build gets. */
  forBuild(appId: string, target: EnvironmentTarget): Promise<BuildVariables>;
}

/** A deployment whose `envVersion` says which values it gets. */
export interface EnvironmentOwner extends DescribedDeployment {
  appId: string;
  bundle: string;
}

export interface BuildVariables {
  /** Those that are marked for builds. */
  marked: DeploymentEnvironment;
  /** Readable ones, of which a build gets those that fn.json's `build.env` names. */
  readable: Record<string, string>;
}

interface Deps {
  vault: Pick<EnvironmentPort, 'version' | 'read'>;
  bundles: BundlePort;
  address: PublicAddress;
}

export function createEnvironments({ vault, bundles, address }: Deps): Environments {
  const environments: Environments = {
    version: (appId) => vault.version(appId),

    async assemble(deployment) {
      const { values, secretNames } = await environments.effective(
        deployment,
        deployment.envVersion,
      );
      return { values: { ...values, ...platformVariables(address, deployment) }, secretNames };
    },

    async effective({ appId, bundle, kind, ref }, version) {
      const entries = await vault.read(appId, version);
      const { variables } = await bundles.readNeeds(bundle);
      return effectiveEnvironment(entries, { kind, ref }, variables);
    },

    async check({ appId, bundle, kind, ref }, version) {
      const entries = await vault.read(appId, version);
      const { needs, variables } = await bundles.readNeeds(bundle);
      const { values } = effectiveEnvironment(entries, { kind, ref }, variables);
      return preflight(needs, new Set(Object.keys(values)), { entries, target: { kind, ref } });
    },

    async forBuild(appId, target) {
      const entries = await vault.read(appId, await vault.version(appId));
      const all = effectiveEnvironment(entries, target, {});
      const isSecret = new Set(all.secretNames);
      return {
        marked: effectiveEnvironment(
          entries.filter(({ isBuild }) => isBuild),
          target,
          {},
        ),
        readable: Object.fromEntries(
          Object.entries(all.values).filter(([name]) => !isSecret.has(name)),
        ),
      };
    },
  };
  return environments;
}
