import { productionUrl, type PublicAddress } from '../../model/address.ts';
import type { FunctionDetail, FunctionSummary } from '../../protocol/control-client.generated.ts';
import type { FunctionRow } from '../../store/functions.ts';

export function presentFunction(address: PublicAddress, row: FunctionRow): FunctionSummary {
  const { id, appName, name, runtime, settings, version } = row;
  return {
    id,
    name: row.siblings === 1 ? appName : name,
    app: appName,
    function: name,
    runtime,
    endpoint: `/functions/${id}/invoke`,
    url: productionUrl(address, appName) + literalPath(settings.path),
    version,
    handler: settings.handler ?? null,
    memory: settings.memoryMib,
    timeout: settings.timeoutMs,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.liveAt.toISOString(),
  };
}

export function presentFunctionDetail(
  address: PublicAddress,
  row: FunctionRow,
  environment: string[],
): FunctionDetail {
  const { appName, settings } = row;
  const { methods = null, path = null, entry = null } = settings;
  return {
    ...presentFunction(address, row),
    entry,
    commit: row.commit,
    deployment: row.deploymentId,
    triggers: [{ type: 'http', config: { methods, path } }],
    environment,
    links: {
      versions: `/apps/${appName}/deployments`,
      logs: `/functions/${row.id}/logs`,
      app: `/apps/${appName}`,
    },
  };
}

/** Up to the first part of a pattern that stands for something else. */
function literalPath(pattern: string | undefined): string {
  const literal = pattern?.split(/\/(?=[:*])/, 1)[0] ?? '';
  return literal === '/' ? '' : literal;
}
