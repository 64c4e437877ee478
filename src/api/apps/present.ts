import { productionUrl, type PublicAddress } from '../../model/address.ts';
import { shortRefName } from '../../model/slug.ts';
import type { App as AppView } from '../../protocol/control-client.generated.ts';
import type { App } from '../../store/apps.ts';
import type { Live } from '../../store/routes.ts';

/** `live` is what production serves. */
export function presentApp(address: PublicAddress, app: App, live: Live | undefined): AppView {
  return {
    id: app.id,
    name: app.name,
    productionBranch: app.productionRef === null ? null : shortRefName(app.productionRef),
    url: productionUrl(address, app.name),
    version: live?.version ?? null,
    commit: live?.commit ?? null,
    createdAt: app.createdAt.toISOString(),
  };
}
