/**
 * Every error a person can meet: whose it is, the exit code, what it means, what to do.
 * docs/errors.md is generated from this table (`npm run docs`).
 *
 * Exit codes: 1 our failure · 2 bad input · 3 a check found the backup bad · 4 could not be checked.
 */
export interface ErrorEntry {
  readonly family: "user" | "ours";
  readonly exitCode: 1 | 2 | 3 | 4;
  readonly meaning: string;
  readonly cure: string;
}

export const errorCatalogue = {
  "input-invalid": {
    family: "user",
    exitCode: 2,
    meaning: "One or more inputs are missing, misspelt or out of range. Nothing was started.",
    cure: "Correct every input that the message lists; each line says what is allowed.",
  },
  "secret-in-argv": {
    family: "user",
    exitCode: 2,
    meaning: "A secret was written on the command line, where every process of the machine can read it.",
    cure: "Put it into an environment variable and pass env:NAME, or into a file and pass file:PATH.",
  },
  "tool-failed": {
    family: "ours",
    exitCode: 1,
    meaning: "A program that Lifeboat runs (pg_dump, zstd, …) ended with an error.",
    cure: "The message carries the program's own words; cure that and run again. Nothing became visible.",
  },
  "tool-missing": {
    family: "user",
    exitCode: 2,
    meaning: "A program that this step needs is not installed and could not be installed.",
    cure: "Run the command that the message names, or run on a machine that has the program.",
  },
  "snapshot-damaged": {
    family: "ours",
    exitCode: 3,
    meaning: "A stored file is not what was written: bytes were changed, cut, swapped or removed.",
    cure: "Do not restore from this snapshot. Take the newest whole one by its id, and look at who can write the store.",
  },
  "snapshot-too-new": {
    family: "ours",
    exitCode: 4,
    meaning: "The snapshot was written by a later Lifeboat, in a format that this one does not know.",
    cure: "Use the version of Lifeboat that wrote it, or a later one.",
  },
  "artifact-quota": {
    family: "user",
    exitCode: 2,
    meaning: "GitHub refuses new artifacts because the account's artifact storage is used up.",
    cure: "Delete old artifacts or shorten the retention (GitHub counts anew every 6 to 12 hours), raise the spending limit, or add an S3 store to the policy.",
  },
  "store-key-exists": {
    family: "ours",
    exitCode: 1,
    meaning: "Another file stands under this key. Stores never overwrite.",
    cure: "Run again: a new run has a new id. If it repeats, somebody else writes into this store.",
  },
  "store-link-refused": {
    family: "user",
    exitCode: 2,
    meaning:
      "A symbolic link stands inside the store, so that reading or writing would happen somewhere else.",
    cure: "Find out who put it there, remove it, and run again; to keep the store on another disk, give that path itself.",
  },
  "store-list-failed": {
    family: "ours",
    exitCode: 1,
    meaning: "The store did not give a complete listing, so nothing was concluded from it.",
    cure: "Check the store's credentials and availability and run again.",
  },
  "store-object-missing": {
    family: "ours",
    exitCode: 3,
    meaning: "A file that should be in the store is not there.",
    cure: "Take another snapshot by its id; find out who deleted the file, or whether its retention ended.",
  },
  "store-permission-missing": {
    family: "user",
    exitCode: 2,
    meaning: "The token or account may not do in the store what this step needs.",
    cure: "Add the `permissions:` line that the message names to the job, or use a token that has it.",
  },
  "store-read-failed": {
    family: "ours",
    exitCode: 1,
    meaning: "The store broke off while a file was read.",
    cure: "Run again; if it repeats, check the store and the network.",
  },
  "store-temporary": {
    family: "ours",
    exitCode: 1,
    meaning: "The store was busy or the connection broke, also after several tries.",
    cure: "Run again later.",
  },
  "store-write-failed": {
    family: "ours",
    exitCode: 1,
    meaning:
      "The store could not write: a full disk, a missing right, a read-only file system. Nothing became visible.",
    cure: "The message carries the system's own words; cure that and run again.",
  },
  "store-write-unproven": {
    family: "ours",
    exitCode: 1,
    meaning: "A file was written but reading it back did not give the same bytes; it does not count.",
    cure: "Run again; if it repeats, the store or its disk is failing.",
  },
  unexpected: {
    family: "ours",
    exitCode: 1,
    meaning: "A defect of Lifeboat, or something about the machine that it did not foresee.",
    cure: "Run again; if it repeats, report it with the message and the stack.",
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorCatalogue;
