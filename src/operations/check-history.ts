/** What verify and restore ask of a source's history, without letting it stand in the way of the one snapshot they want. */
import { LifeboatError } from "../errors.ts";
import { anomaliesOf } from "../retention/anomaly.ts";
import { isAcceptable } from "../retention/document-findings.ts";
import type { HistoryFinding } from "../retention/history.ts";
import type { Store } from "../store/store.ts";
import type { Logger } from "../system/logger.ts";
import type { Finding } from "../verification/findings.ts";
import { type Observation, observeSnapshots } from "./observe-snapshots.ts";
import type { Trust } from "./vouched-documents.ts";
import { requireVouched, type StoredSnapshot } from "./vouched-snapshot.ts";

export interface HistoryCheck {
  readonly observation: Observation;
  readonly findings: readonly Finding[];
}

const alsoTold = new Set(["document-not-trusted", "snapshot-from-the-future", "snapshot-out-of-order"]);

export async function checkHistory(
  store: Store,
  source: string,
  trust: Trust,
  now: Date,
): Promise<HistoryCheck> {
  const observation = await observeSnapshots(store, { source, trust, now, isThorough: true });
  const told = observation.findings.filter((finding) => isAcceptable(finding) || alsoTold.has(finding.code));
  const { acceptedAt } = observation.standings;
  const anomalies = anomaliesOf({
    snapshots: observation.snapshots,
    now,
    ...(acceptedAt === undefined ? {} : { acceptedAt }),
  });
  return { observation, findings: [...observation.history, ...told, ...anomalies] };
}

/**
 * Names what history does not explain; a chosen snapshot that is itself forged or replaced is refused, also where another
 * one keeps the history from being looked at.
 */
export async function refuseForged(
  store: Store,
  chosen: StoredSnapshot,
  { trust, now, logger }: { readonly trust: Trust; readonly now: Date; readonly logger: Logger },
): Promise<readonly Finding[]> {
  const { source, id } = chosen.snapshot;
  const { findings } = await checkHistory(store, source, trust, now);
  for (const { publicSentence, remedy } of findings) logger.warning(`${publicSentence} ${remedy}`);
  const own = findings.find((finding) => (finding as Partial<HistoryFinding>).id === id);
  if (own !== undefined) throw historyError([own]);
  await requireVouched(store, chosen, trust, now);
  return findings;
}

/** The error that broken history ends with; undefined where it is whole. */
export function historyErrorOf(findings: readonly Finding[]): LifeboatError | undefined {
  const broken = findings.filter(({ code }) => code.startsWith("history-") || code === "ledger-broken");
  return broken.length === 0 ? undefined : historyError(broken);
}

/** The error that damaged or lost documents end with: bad is exit 3, what only a newer Lifeboat can read is exit 4. */
export function documentErrorOf(findings: readonly Finding[]): LifeboatError | undefined {
  const bad = findings.filter(({ code }) => damageCodes.has(code));
  const tooNew = findings.filter(({ code }) => code === "document-too-new" || code === "snapshot-too-new");
  const [first, ...more] = bad.length > 0 ? bad : tooNew;
  if (first === undefined) return undefined;
  const code = bad.length > 0 ? "document-damaged" : "document-too-new";
  const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
  return new LifeboatError(code, `${first.publicSentence}${others}`, { hint: first.remedy });
}

const damageCodes = new Set([
  "document-damaged",
  "document-missing",
  "snapshot-damaged",
  "snapshot-json-missing",
]);

function historyError(findings: readonly Finding[]): LifeboatError {
  const [first] = findings;
  const more = findings.length > 1 ? ` (and ${findings.length - 1} more)` : "";
  return new LifeboatError("history-broken", `${first?.publicSentence ?? ""}${more}`);
}
