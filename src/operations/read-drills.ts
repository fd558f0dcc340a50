/** What earlier drills of a source have shown, from the evidence in a store. */
import { drillEvidenceSchema, observedDrill, type ObservedDrill } from "../snapshot/drill-evidence.ts";
import { evidenceOfSource, isDrillKey } from "../snapshot/keys.ts";
import { readSignedDocument } from "../snapshot/signed-document.ts";
import type { Store } from "../store/store.ts";
import { readFiles, type Vouch } from "./vouched-documents.ts";

/** Oldest first; also of snapshots that are gone by now. */
export async function readDrills(
  store: Store,
  source: string,
  vouch: Vouch,
): Promise<readonly ObservedDrill[]> {
  const keys = (await store.files(evidenceOfSource(source))).map(({ key }) => key).filter(isDrillKey);
  const drills = (await readFiles(store, keys)).flatMap(({ bytes }) => {
    const evidence = readSignedDocument(bytes, drillEvidenceSchema);
    return evidence?.source === source ? [observedDrill(evidence, vouch(bytes, evidence.sha256))] : [];
  });
  return drills.sort((one, other) => one.time.getTime() - other.time.getTime());
}
