/** Calls between the git front and control; both directions, each on a socket of its own. */

/** A commit as the git front reads it for control, which never opens a repository. */
export interface CommitInfo {
  /** 40 hex digits. */
  sha: string;
  /** Object id of its tree: the input of the build key. */
  tree: string;
  /** First line, at most 200 characters. */
  subject: string;
  /** `Name <mail>`, at most 200 characters. */
  author: string;
}

/** A commit that the platform writes for somebody, on top of another one. */
export interface NewCommit {
  /** Full SHA; null for the first of a repository. */
  parent: string | null;
  author: { name: string; mail: string };
  /** Milliseconds since the Unix epoch. */
  at: number;
  message: string;
  /** What they hold from now on. All other files stay as they are in the parent. */
  files: WrittenFile[];
}

export interface WrittenFile {
  path: string;
  content: string;
}

export interface RefUpdate {
  ref: string;
  /** `ZERO_OID` for a ref that is new. */
  oldSha: string;
  /** `ZERO_OID` for a deletion; an annotated tag's own id otherwise. */
  newSha: string;
  /** What the ref points to, tags peeled; null for a deletion. */
  commit: CommitInfo | null;
}

export interface PushedRefs {
  pushId: string;
  appId: string;
  principal: Principal;
  /** Absent from a git front that was started before this was known. */
  from?: PushOrigin;
  updates: RefUpdate[];
}

/** Where a push comes from, as the door saw it. */
export interface PushOrigin {
  address: string | null;
  userAgent: string | null;
}

/** Who acts: a token that was checked. */
export interface Principal {
  /** Of the token: people, CI or a function. Absent from a front that was started before it was known. */
  kind?: string;
  tokenId: string;
  tokenName: string;
}

/** What somebody is known by: a token, or the fingerprint of a key that they have shown to hold (`SHA256:…`). */
export type Credential = { token: string } | { key: string };

/** One line for the pusher's terminal, or how the hook shall end. */
export interface HookProgress {
  line: string;
}

/** Methods that control serves to the git front. */
export interface ControlForGit {
  /**
   * Checks a token, or that of a key, for one app. `from` is the client's address. `app` is null when it does not exist and the token may create it.
   * @throws unauthenticated, forbidden, or not-found (also for an app that the token must not know of)
   */
  authorize: {
    params: Credential & { appName: string; action: 'read' | 'push'; from: string };
    result: { principal: Principal; app: { id: string } | null };
  };
  /**
   * Whether anybody is known by the key. To be asked before its holder has shown to be that: what is public may be asked.
   * @throws unauthenticated, or too-many-requests
   */
  authenticateKey: { params: { key: string; from: string }; result: null };
  /** A connection from there has ended, and none of the keys that it offered was right. */
  keysFailed: { params: { from: string }; result: null };
  /** Answers when nobody is known by the key any more, within a second; until then it is under way. */
  watchKey: { params: { key: string }; result: null };
  /** Creates the app, or returns the one that another push just created. */
  createApp: {
    params: Credential & { appName: string; from: string };
    result: { id: string };
  };
  /** Builds and warms every new tip. Nothing has moved yet; `accept: false` rejects the whole push. */
  preReceive: { params: PushedRefs; result: { accept: boolean }; progress: HookProgress };
  /** The refs have moved: makes live what preReceive prepared. Idempotent by (app, ref, newSha, pushId). */
  postReceive: { params: PushedRefs; result: { released: boolean }; progress: HookProgress };
  /**
   * The receive-pack of a push that was accepted has ended, and postReceive was not asked for all of its refs: git did not move
   * them, or nobody could say so. Nobody waits for it any more.
   */
  endPush: { params: { appId: string; pushId: string }; result: null };
  /** Delivers the tar (of `git archive`) that control asked for with `sendArchive`, as the body. */
  archive: { params: { ticket: string }; result: null };
}

/** Methods that the git front serves to control. */
export interface GitForControl {
  /**
   * Streams `git archive <sha>` to control's `archive` under the ticket; resolves when it was taken. `pushId` finds
   * objects that are still in that push's quarantine.
   */
  sendArchive: {
    params: { appId: string; sha: string; ticket: string; pushId: string | null };
    result: null;
  };
  /** All branches and tags, peeled, for the reconciler. */
  listRefs: {
    params: { appId: string };
    result: {
      /** A receive-pack of that repository runs. */
      isBusy: boolean;
      /** What the running ones may move, or have moved and tell of in their post-receive. */
      busyRefs: string[];
      refs: { ref: string; sha: string; commit: CommitInfo }[];
      /** Those below `refs/live/`. */
      live: { name: string; sha: string }[];
    };
  };
  /** What a branch or tag is at now, tags not peeled; null when there is none of the name. */
  readRef: { params: { appId: string; ref: string }; result: { sha: string | null } };
  /** The apps that have a repository. */
  listRepositories: { params: null; result: { appIds: string[] } };
  /** Writes a commit into the app's repository, which is made when it is missing, and moves no branch. */
  writeCommit: { params: { appId: string; commit: NewCommit }; result: CommitInfo };
  /** Moves a branch when it still is where it is expected; null: nowhere. A repeated call answers false. */
  moveBranch: {
    params: { appId: string; ref: string; sha: string; expected: string | null };
    result: { isMoved: boolean };
  };
  /** Files of a branch's tip as text; null for what is no file. Null for a branch that there is not. */
  readFiles: {
    params: { appId: string; ref: string; paths: string[] };
    result: { sha: string; contents: (string | null)[] } | null;
  };
  /** Removes the app's repository, whatever is done with it at this moment. No harm when it is gone. */
  removeRepository: { params: { appId: string }; result: null };
  /** Moves `refs/live/*`; a null SHA removes the ref. */
  publishLive: {
    params: { appId: string; refs: { name: string; sha: string | null }[] };
    result: null;
  };
}
