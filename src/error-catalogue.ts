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
  "confirm-mismatch": {
    family: "user",
    exitCode: 2,
    meaning:
      "What was typed to confirm is not the name of the database that would be replaced. Nothing was touched.",
    cure: "Type the exact name of the target's database, or correct the target.",
  },
  "confirm-needed": {
    family: "user",
    exitCode: 2,
    meaning: "The restore would replace something that exists, and nobody confirmed it. Nothing was touched.",
    cure: "Read the plan (dry run), then give `confirm` the exact name of the target's database.",
  },
  "disk-too-small": {
    family: "user",
    exitCode: 2,
    meaning:
      "The server's disk has no room for a second copy of the database beside the first. Nothing was touched.",
    cure: "Free or add space, or restore into a new database on another server.",
  },
  "hook-failed": {
    family: "ours",
    exitCode: 1,
    meaning: "The command that should run before or after the restore ended with an error.",
    cure: "Run the command by hand, cure it, and run again.",
  },
  "plan-outdated": {
    family: "user",
    exitCode: 2,
    meaning: "The target changed between planning and restoring. Nothing was touched.",
    cure: "Plan again and read the new plan.",
  },
  "restore-impossible": {
    family: "user",
    exitCode: 2,
    meaning: "This server, or these programs, cannot take this snapshot. Nothing was touched.",
    cure: "The message lists what is in the way; restore into a server that has it.",
  },
  "restore-not-verified": {
    family: "ours",
    exitCode: 3,
    meaning:
      "What was restored is not what was backed up, or could not be compared; the target was left as it was.",
    cure: "Read the findings; restore another snapshot, or verify this one.",
  },
  "restore-running": {
    family: "user",
    exitCode: 2,
    meaning: "Another restore into the same database is at work. Nothing was touched.",
    cure: "Wait for it to end, then run again.",
  },
  "restore-selection": {
    family: "user",
    exitCode: 2,
    meaning:
      "A chosen table or schema is not in the snapshot, or was not written correctly. Nothing was touched.",
    cure: 'Write schema.table; quote parts with upper case, spaces or dots: "My Schema"."my.table".',
  },
  "restore-state-unknown": {
    family: "ours",
    exitCode: 1,
    meaning:
      "The connection broke while the restore became visible, and the server could not be asked how it ended.",
    cure: "Reach the server and run again: the next run sees by itself whether anything is left to do.",
  },
  "restore-swap-failed": {
    family: "ours",
    exitCode: 1,
    meaning: "The verified copy could not take the place of the existing database, which is unchanged.",
    cure: "End the sessions that the message speaks of and run again: the verified copy is used as it stands.",
  },
  "restore-table-refused": {
    family: "user",
    exitCode: 2,
    meaning: "The target cannot take these tables; it was rolled back and is unchanged.",
    cure: "The message says what is in the way; cure it, or restore into a new database and copy from there.",
  },
  "restore-target-exists": {
    family: "user",
    exitCode: 2,
    meaning: "A restore into a new database was asked for, and the database exists. Nothing was touched.",
    cure: "Name another database, or restore in place with confirm, or restore single tables.",
  },
  "throwaway-server-failed": {
    family: "ours",
    exitCode: 1,
    meaning: "The throwaway PostgreSQL that a check needs did not start.",
    cure: "The message carries the server's own log; check memory, disk and that the folder may be entered.",
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
  "database-unreachable": {
    family: "user",
    exitCode: 2,
    meaning: "No connection to the database server could be made.",
    cure: "Check host and port, that the server runs, and that a firewall or network restriction lets you in.",
  },
  "database-login-refused": {
    family: "user",
    exitCode: 2,
    meaning: "The database server answered but refused this user, password or kind of connection.",
    cure: "Check user and password in the URL; percent-encode special characters of the password.",
  },
  "database-missing": {
    family: "user",
    exitCode: 2,
    meaning: "The server has no database of that name.",
    cure: "Check the name after the last `/` of the URL; upper case and spaces count.",
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
  "store-key-exists": {
    family: "ours",
    exitCode: 1,
    meaning: "Another file stands under this key. Stores never overwrite.",
    cure: "Run again: a new run has a new id. If it repeats, somebody else writes into this store.",
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
