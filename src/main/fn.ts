/**
 * The `fn` command. `server`, `dev` and `doctor` work on this machine; everything else is a client of the control API and
 * lives in cli/, which is loaded only then, and which can do nothing that another client could not.
 */
const [command, ...rest] = process.argv.slice(2);

switch (command ?? '') {
  case 'server': {
    const { runServer } = await import('./server.ts');
    await runServer(rest);
    break;
  }
  case 'dev': {
    const { runDev } = await import('./dev.ts');
    await runDev(rest);
    break;
  }
  case 'doctor': {
    const { runDoctor } = await import('./doctor.ts');
    await runDoctor(rest);
    break;
  }
  default: {
    const { runCli } = await import('../cli/main.ts');
    const { wholeInstallation } = await import('../cli/installation.ts');
    process.exitCode = await runCli(process.argv.slice(2), wholeInstallation());
  }
}
