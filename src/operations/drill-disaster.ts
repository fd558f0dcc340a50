/**
 * A disaster drill: everything is gone but the policy, the store's credentials and the identity. What was lost comes back
 * in the order in which things need each other, and the clock runs from the first step.
 */
import { asLifeboatError } from "../errors.ts";
import { nearestInAge } from "../monitoring/drill-choice.ts";
import type { Connection } from "../postgres/connection.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import { judge } from "../verification/compare-database.ts";
import type { ComponentVerdict, Finding } from "../verification/findings.ts";
import { concludeDrill } from "./conclude-drill.ts";
import { crossCheck } from "./cross-check.ts";
import { couldNotTry } from "./drill-restoration.ts";
import type {
  DrilledSource,
  DrillReport,
  DrillRequest,
  SourceDrill,
  UndrilledSource,
} from "./drill-report.ts";
import { drillSource } from "./drill-source.ts";
import { inWords, warning } from "./drill-words.ts";
import { observeSnapshots } from "./observe-snapshots.ts";
import { readSealedContents } from "./sealed-files.ts";
import type { VerifySurroundings } from "./verify-snapshot.ts";

/** Without code nothing runs; the rows of a database name the objects of its buckets. */
const order = ["application", "database", "storage"] as const;

export async function drillDisaster(
  request: DrillRequest,
  surroundings: VerifySurroundings,
): Promise<DrillReport> {
  const { clock, logger } = surroundings;
  const [started, sinceMs] = [clock.now(), clock.elapsedMs()];
  const { keys, newest } = await checkKeys(request, surroundings);
  logger.info(`keys: ${newest.size} of ${request.sources.length} sources open.`);
  const between: ComponentVerdict[] = [keys];
  const sources: SourceDrill[] = [];
  const undrilled: UndrilledSource[] = [];
  for (const source of inOrder(request.sources)) {
    const buckets = request.sources.filter(
      (other) => other.listedIn === source.name && newest.has(other.name),
    );
    const whileRestored = async (connection: Connection): Promise<void> => {
      for (const other of buckets) {
        between.push(await compareBuckets(connection, source, other, newest, request, surroundings));
      }
    };
    try {
      sources.push(
        await drillSource(
          source,
          request,
          { sinceMs, ...(buckets.length === 0 ? {} : { whileRestored }) },
          surroundings,
        ),
      );
    } catch (cause) {
      surroundings.signal.throwIfAborted();
      undrilled.push({ source: source.name, finding: couldNotTry(cause) });
    }
  }
  between.push(...neverCompared(request.sources, between), moments(sources));
  const seconds = (clock.elapsedMs() - sinceMs) / 1000;
  const parts = { kind: "disaster", started, seconds, sources, undrilled, between } as const;
  return await concludeDrill(parts, request, surroundings);
}

function inOrder(sources: readonly DrilledSource[]): readonly DrilledSource[] {
  const place = ({ kind = "storage" }: DrilledSource): number => order.indexOf(kind);
  return sources.toSorted((one, other) => place(one) - place(other));
}

/** First of all: does the key that is left open the newest good backup of everything? */
async function checkKeys(
  { sources, trust, identities }: DrillRequest,
  { store, clock }: VerifySurroundings,
): Promise<{ readonly keys: ComponentVerdict; readonly newest: ReadonlyMap<string, SnapshotJson> }> {
  const findings: Finding[] = [];
  const newest = new Map<string, SnapshotJson>();
  for (const { name } of sources) {
    try {
      const now = clock.now();
      const observation = await observeSnapshots(store, { source: name, trust, now });
      const chosen = nearestInAge(observation.snapshots, 0, now);
      const snapshot = chosen === undefined ? undefined : observation.documents.get(chosen.id);
      // That there is none is said where the source is drilled.
      if (snapshot === undefined) continue;
      await readSealedContents(store, snapshot, identities);
      newest.set(name, snapshot);
    } catch (cause) {
      const { publicly } = asLifeboatError(cause);
      const sentence = `The identity does not open the newest good backup of "${name}": ${publicly.sentence}`;
      findings.push({
        level: "error",
        code: "keys-do-not-open",
        sentence,
        publicSentence: sentence,
        remedy: "Find the identity that opens it now, before it is needed; docs/keys.md has the steps.",
      });
    }
  }
  return { keys: judge("keys", sources.length, findings), newest };
}

async function compareBuckets(
  connection: Connection,
  source: DrilledSource,
  buckets: DrilledSource,
  newest: ReadonlyMap<string, SnapshotJson>,
  { identities }: DrillRequest,
  { store, zstd, logger }: VerifySurroundings,
): Promise<ComponentVerdict> {
  const [database, objects] = [newest.get(source.name), newest.get(buckets.name)];
  try {
    if (database === undefined || objects === undefined)
      throw new Error("One of the two backups is missing.");
    const verdict = await crossCheck({
      connection,
      store,
      zstd,
      identities,
      database,
      buckets: objects,
      filter: buckets.filter,
    });
    logger.info(`between: ${verdict.checked} objects and rows, ${verdict.verdict}.`);
    return verdict;
  } catch (cause) {
    const { publicly } = asLifeboatError(cause);
    return judge("objects-and-rows", 0, [
      warning(
        "objects-not-compared",
        `The buckets "${buckets.name}" were not compared with the rows of "${source.name}": ${publicly.sentence}`,
        publicly.hint,
      ),
    ]);
  }
}

/** Where the database could not be restored, nothing was there to compare with. */
function neverCompared(
  sources: readonly DrilledSource[],
  between: readonly ComponentVerdict[],
): readonly ComponentVerdict[] {
  const wanted = sources.filter(({ listedIn }) => listedIn !== undefined);
  const done = between.filter(({ component }) => component === "objects-and-rows").length;
  if (wanted.length <= done) return [];
  return [
    judge("objects-and-rows", 0, [
      warning(
        "objects-not-compared",
        "Buckets were not compared with the rows of their database: one of the two did not come back.",
        "See what kept it from coming back, and drill again.",
      ),
    ]),
  ];
}

/** How far the moments lie apart to which the sources came back. */
function moments(sources: readonly SourceDrill[]): ComponentVerdict {
  const byMoment = sources
    .map(({ source, examined }) => ({ name: source.name, ms: Date.parse(examined.snapshot.times.snapshot) }))
    .sort((one, other) => one.ms - other.ms);
  const [first, last] = [byMoment[0], byMoment.at(-1)];
  if (first === undefined || last === undefined || byMoment.length < 2)
    return judge("moments", byMoment.length, []);
  const sentence = `The sources come back to moments that lie ${inWords(last.ms - first.ms)} apart: "${first.name}" is the oldest, "${last.name}" the youngest.`;
  return judge("moments", byMoment.length, [
    {
      level: "info",
      code: "moments-apart",
      sentence,
      publicSentence: sentence,
      remedy: "Back the older one up more often if the application cannot live with that.",
    },
  ]);
}
