/** The functions' bodies out of their tar, each proven by its hash before anybody sees it. */
import { createHash } from "node:crypto";
import { entriesOf } from "../application/extract-tree.ts";
import { LifeboatError } from "../errors.ts";
import type { FunctionBody, ProjectSettings } from "../snapshot/project-settings.ts";
import { bytesWithin } from "../system/bounded.ts";
import { sizeLimits } from "../snapshot/size-limits.ts";

export interface ProvenBody {
  readonly body: FunctionBody;
  readonly bytes: Buffer;
}

/** Those of `slugs`, one in memory at a time; throws `snapshot-damaged`. */
export async function* functionBodies(
  tar: AsyncIterable<Uint8Array> | undefined,
  backup: ProjectSettings,
  slugs: ReadonlySet<string>,
): AsyncGenerator<ProvenBody, void, undefined> {
  if (tar === undefined) return;
  for await (const { header, body: entry } of entriesOf(tar)) {
    const body = backup.functions.find(({ file, slug }) => file === header.name && slugs.has(slug));
    if (body === undefined) {
      // The next entry comes once this one has been read.
      for await (const chunk of entry) chunk.fill(0);
      continue;
    }
    const limit = { document: "with a function's body", maxBytes: sizeLimits.functionBody };
    const bytes = await bytesWithin(entry, limit);
    if (createHash("sha256").update(bytes).digest("hex") !== body.sha256)
      throw damaged("is not the one recorded");
    yield { body, bytes };
  }
}

/** Reads them all before the first one is deployed. */
export async function requireBodies(
  tar: AsyncIterable<Uint8Array> | undefined,
  backup: ProjectSettings,
  slugs: ReadonlySet<string>,
): Promise<void> {
  const missing = new Set(slugs);
  for await (const { body } of functionBodies(tar, backup, slugs)) missing.delete(body.slug);
  if (missing.size > 0) throw damaged("is missing");
}

function damaged(what: string): LifeboatError {
  return new LifeboatError("snapshot-damaged", `A function's body of the snapshot ${what}.`);
}
