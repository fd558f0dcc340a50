/** The report of a restore into a project with its names, for those who hold the identity. */
import type { Identities } from "../seal/identities.ts";
import { parseRecipients } from "../seal/recipients.ts";
import { sealDocument } from "../seal/seal.ts";
import type { RestoreReport } from "./restore-database.ts";

/** Base64 of an age file around zstd around JSON, for the identity's own keys; a passphrase has none. */
export async function sealRestoreReport(
  project: NonNullable<RestoreReport["project"]>,
  identities: Identities,
): Promise<string | undefined> {
  const recipients = await identities.recipients();
  if (recipients.length === 0) return undefined;
  const { bytes } = await sealDocument(
    `${JSON.stringify(project, undefined, 2)}\n`,
    parseRecipients(recipients),
  );
  return Buffer.from(bytes).toString("base64");
}
