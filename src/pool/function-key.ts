/** Names a function of a deployment to all data processes. */
export function functionKey(deployment: string, name: string): string {
  return `${deployment}/${name}`;
}

export function functionOf(key: string): { deployment: string; name: string } {
  const end = key.indexOf('/');
  return { deployment: key.slice(0, end), name: key.slice(end + 1) };
}
