/** Whom the trusted snapshots of a source were sealed for, and when: what the age of the keys is judged by. */
import type { KeyUse } from "../policy/key-rotation.ts";
import type { Observation } from "./observe-snapshots.ts";

/** Rewraps are left out: after a rotation the next backup names the same recipients. */
export function keyUsesOf({ snapshots, documents }: Observation): readonly KeyUse[] {
  return snapshots.flatMap(({ id, isTrusted, finished }) => {
    const recipients = documents.get(id)?.recipients;
    return isTrusted && recipients !== undefined ? [{ time: finished, recipients }] : [];
  });
}
