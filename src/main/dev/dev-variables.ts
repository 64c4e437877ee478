import { execFile } from 'node:child_process';
import type { ServedDeployment } from '../../model/served.ts';
import type { Environment } from './environment-files.ts';

const GIT_DEADLINE_MS = 5_000;
const FORMAT = '%H%n%an <%ae>%n%s';

/** The commit that the working folder stands on; empty texts outside of git, or before the first commit. */
export interface DevCommit {
  sha: string;
  author: string;
  subject: string;
}

/** `git` is the program, null when there is none. */
export function readDevCommit(git: string | null, root: string): Promise<DevCommit> {
  const none: DevCommit = { sha: '', author: '', subject: '' };
  if (git === null) return Promise.resolve(none);
  return new Promise((resolve) => {
    const args = ['-C', root, 'log', '-1', `--format=${FORMAT}`];
    execFile(git, args, { env: {}, timeout: GIT_DEADLINE_MS }, (error, stdout) => {
      const [sha = '', author = '', subject = ''] = stdout.split('\n');
      resolve(error === null ? { sha, author, subject } : none);
    });
  });
}

/** What the platform tells functions about themselves, as far as it is so on the developer's machine. */
export function devVariables(
  deployment: ServedDeployment,
  commit: DevCommit,
  url: string,
): Environment {
  return {
    FN_ENV: 'development',
    FN_URL: url,
    FN_BRANCH_URL: url,
    FN_APP: deployment.appName,
    FN_DEPLOYMENT_ID: deployment.id,
    FN_VERSION: '',
    FN_GIT_SHA: commit.sha,
    FN_GIT_REF: deployment.ref,
    FN_GIT_MESSAGE: commit.subject,
    FN_GIT_AUTHOR: commit.author,
    FN_ENV_VERSION: '0',
    GIT_REV: commit.sha,
  };
}
