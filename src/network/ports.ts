/** What the network stage needs from whoever wires it. */

/** Absolute paths of the system's own programs. */
export interface NetworkTools {
  sh: string;
  ip: string;
  nft: string;
  nsenter: string;
  unshare: string;
  umount: string;
}
