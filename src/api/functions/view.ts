import type { FunctionDetail } from '../../protocol/control-client.generated.ts';
import type { FunctionRow } from '../../store/functions.ts';
import type { ApiDeps } from '../ports.ts';
import { presentFunctionDetail } from './present.ts';

/** A function as it is now, with the names of its environment. */
export async function viewFunction(
  { vault, address }: Pick<ApiDeps, 'vault' | 'address'>,
  row: FunctionRow,
): Promise<FunctionDetail> {
  const { entries } = await vault.describe(row.appId, null);
  const names = entries
    .filter(({ scope }) => scope === 'all' || scope === 'production')
    .map(({ name }) => name);
  return presentFunctionDetail(address, row, [...new Set(names)].sort());
}
