/** What is wrong with the ledger: with its own chain, and with what trusted snapshots saw at its end. */
import { cutOff } from "../ledger/end.ts";
import { recentSince } from "../ledger/ledger.ts";
import type { LedgerReading } from "../ledger/record.ts";
import type { AcceptableFinding } from "../retention/document-findings.ts";
import type { ObservedSnapshot } from "../snapshot/observed.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { Finding } from "../verification/findings.ts";
import type { Trust } from "./vouched-documents.ts";

export interface Remembering {
  readonly snapshots: readonly ObservedSnapshot[];
  readonly documents: ReadonlyMap<string, SnapshotJson>;
  readonly accepted: ReadonlySet<string>;
}

export async function ledgerProblems(
  reading: LedgerReading | undefined,
  { snapshots, documents, accepted }: Remembering,
  { source, trust: { ledger }, now }: { readonly source: string; readonly trust: Trust; readonly now: Date },
): Promise<readonly Finding[]> {
  if (ledger === undefined || reading === undefined) return [];
  const remembered = snapshots.flatMap(({ id, isTrusted }) => {
    const seen = isTrusted ? documents.get(id)?.ledger : undefined;
    return seen === undefined ? [] : [{ snapshot: id, seen }];
  });
  const place = { place: ledger.place, store: await ledger.storeId?.(), since: recentSince(now) };
  const isCut = cutOff(reading, place, remembered, accepted) !== undefined;
  // A backup that ended between the two looks has seen more of the ledger than the first look.
  const gone = isCut ? cutOff(await ledger.read(), place, remembered, accepted) : undefined;
  return [
    ...reading.problems
      .filter((sentence) => !accepted.has(sentence))
      .map((sentence) => broken(sentence, [sentence], source)),
    ...(gone === undefined ? [] : [broken(gone.sentence, gone.hashes, source)]),
    ...strangers(reading.unsigned),
  ];
}

function broken(sentence: string, accepts: readonly string[], source: string): AcceptableFinding {
  return {
    level: "error",
    code: "ledger-broken",
    sentence,
    publicSentence: sentence,
    remedy: `Find out who changed the ledger: records are only ever added. Restore it from a clone or copy if you have one. Then: lifeboat unfreeze ${source} --because "…".`,
    accepts,
    keeps: "source",
  };
}

function strangers(unsigned: readonly string[]): readonly Finding[] {
  const [first] = unsigned;
  if (first === undefined) return [];
  const more = unsigned.length === 1 ? "" : ` and ${unsigned.length - 1} others`;
  const sentence = `The ledger's record ${first}${more} is not signed by a known key, and counts for nothing.`;
  return [
    {
      level: "warning",
      code: "document-not-trusted",
      sentence,
      publicSentence: sentence,
      remedy:
        "Find out who can write to the ledger. If the record is older than your signing key, ignore this.",
    },
  ];
}
