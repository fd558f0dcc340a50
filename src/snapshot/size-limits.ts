/** The largest size of every document that is read whole; docs/format.md has the same table. */

const mebibyte = 1024 * 1024;

export const sizeLimits = {
  /** About 50,000 packs. */
  snapshotJson: 32 * mebibyte,
  /** contents.json as it is stored. */
  sealedContents: 32 * mebibyte,
  /** contents.json: 35,000 tables with names of 63 bytes. */
  contents: 64 * mebibyte,
  /** Evidence, holds, freezes, tombstones, marks, and records of a ledger in a store. */
  document: mebibyte,
  rewrap: 4 * mebibyte,
  /** A shard's document, as it is stored and opened. */
  sealedShard: 16 * mebibyte,
  shard: 64 * mebibyte,
  projectSettings: 16 * mebibyte,
  /** One body of an Edge Function. */
  functionBody: 64 * mebibyte,
  /** One month of a ledger on a branch: what GitHub itself gives at most. */
  ledgerMonth: 100 * mebibyte,
  /** What an API answers in one piece. */
  answer: 32 * mebibyte,
} as const;

/** What is kept of a snapshot.json that is too large: it is told as damaged, and hides no other snapshot. */
export const beginningBytes = 4096;

/** Values of JSON in one document: of contents.json as many as 60,000 tables make. */
export const mostJsonValues = 2_500_000;
