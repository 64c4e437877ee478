/** Commands that work on this machine; main/ runs them, and the rest of the command line only names them. */
export const LOCAL_COMMANDS: readonly (readonly [name: string, doing: string])[] = [
  ['server', 'run the platform'],
  ['dev', 'serve this folder, built anew at each change'],
  ['doctor', 'check what the platform needs'],
];
