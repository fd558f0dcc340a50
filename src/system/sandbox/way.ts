/** The ways into a sandbox, and what is said where there is none. */

/** `root`: we are; `sudo`: root by sudo without a password; `user`: by a user namespace of our own. */
export type Way = "root" | "sudo" | "user";

export interface Isolation {
  readonly way: Way;
  /** Path of the program. */
  readonly bubblewrap: string;
}

export interface NoIsolation {
  /** A sentence. */
  readonly missing: string;
  /** A sentence with the command that helps. */
  readonly cure: string;
}

export function isIsolation(answer: Isolation | NoIsolation): answer is Isolation {
  return "way" in answer;
}
