/** What a database backup takes beside the archives: what Supabase keeps elsewhere, and secrets that were asked for. */
import { asLifeboatError, LifeboatError } from "../errors.ts";
import type { Sql } from "../postgres/client.ts";
import type { Connection } from "../postgres/connection.ts";
import type { ServerFacts } from "../postgres/inspect-server.ts";
import type { SnapshotSession } from "../postgres/snapshot-session.ts";
import { refuseUnreadable } from "../postgres/readable.ts";
import { listTables } from "../postgres/table-listing.ts";
import { compressStream } from "../seal/node-zstd.ts";
import type { Recipients } from "../seal/recipients.ts";
import { sealStream } from "../seal/seal.ts";
import type { ContentsFile } from "../snapshot/contents.ts";
import type { SupabaseContents } from "../snapshot/supabase-contents.ts";
import type { Draft } from "../store/store.ts";
import { supabaseFindings } from "../supabase/backup-findings.ts";
import { isSupabase, readTraces, type SupabaseChoice } from "../supabase/profile.ts";
import { countReadable, mayRead, readSupabase } from "../supabase/read-supabase.ts";
import { countVerifiers, roleVerifiers, vaultSecrets } from "../supabase/secret-lines.ts";
import type { Finding } from "../verification/findings.ts";
import { sealedName } from "./describe-database.ts";

export interface SupabaseWishes {
  readonly connection: Connection;
  readonly recipients: Recipients;
  readonly supabase: SupabaseChoice;
  /** The vault's secrets, decrypted, in a sealed part of their own. */
  readonly vault: boolean;
  /** Verifiers of roles' passwords, in a sealed part of their own. */
  readonly rolePasswords: boolean;
}

export interface SupabaseBackup {
  readonly contents: SupabaseContents | undefined;
  readonly files: readonly ContentsFile[];
  readonly findings: readonly Finding[];
}

/** What was asked for and cannot be had is refused before anything is stored. */
export async function refuseUnreadableSecrets(sql: Sql, wishes: SupabaseWishes): Promise<void> {
  const traces = await readTraces(sql);
  if (isSupabase(traces, wishes.supabase) && !traces.readsEverything) {
    await refuseUnreadable(sql, await listTables(sql)).catch((cause: unknown) => {
      const error = asLifeboatError(cause);
      throw new LifeboatError(error.code, error.message, {
        hint: error.hint.includes("LARGE OBJECT")
          ? error.hint
          : "In the project's SQL editor run: grant pg_read_all_data to postgres; (projects have it since June 2024). " +
            "Another role than postgres needs it too, and BYPASSRLS.",
        ...(error.inside === undefined ? {} : { inside: error.inside }),
        ...(error.publicSentence === undefined ? {} : { publicSentence: error.publicSentence }),
        cause,
      });
    });
  }
  if (wishes.vault && traces.components.includes("vault") && !(await mayRead(sql, decryptedSecrets))) {
    throw new LifeboatError("privilege-missing", "The role may not read the vault's decrypted secrets.", {
      hint: "Use the project's role postgres, or do without: vault: false.",
    });
  }
  if (wishes.rolePasswords && !(await mayRead(sql, "pg_catalog.pg_authid"))) {
    throw new LifeboatError("privilege-missing", "The role may not read the verifiers of roles' passwords.", {
      hint: "Grant it pg_read_all_data (PostgreSQL 14 and later), use a superuser, or do without: role-passwords: false.",
    });
  }
}

const decryptedSecrets = "vault.decrypted_secrets";

/** Through a connection of its own that sees the snapshot's moment. */
export async function backUpSupabase(
  snapshot: SnapshotSession,
  server: ServerFacts,
  wishes: SupabaseWishes,
  draft: Draft,
): Promise<SupabaseBackup> {
  const sql = await snapshot.openTwin();
  try {
    const traces = await readTraces(sql);
    const files: ContentsFile[] = [];
    const sealLines = async (
      role: "vault" | "role-verifiers",
      name: string,
      lines: AsyncIterable<string>,
    ): Promise<void> => {
      files.push(await storeLines({ role, name }, lines, draft, wishes.recipients));
    };
    if (wishes.rolePasswords) await sealLines("role-verifiers", "roles.jsonl", roleVerifiers(sql));
    if (!isSupabase(traces, wishes.supabase)) return { contents: undefined, files, findings: [] };
    const vaultSealed = wishes.vault && traces.components.includes("vault");
    if (vaultSealed) await sealLines("vault", "vault.jsonl", vaultSecrets(sql));
    const { connection } = wishes;
    const read = await readSupabase(sql, { connection, major: server.major, traces });
    const contents = { ...read, vaultSealed, verifiers: wishes.rolePasswords };
    const findings = supabaseFindings(contents, {
      readsEverything: traces.readsEverything,
      passwords: await countVerifiers(sql),
      analyticsBuckets: await countReadable(sql, "storage.buckets_analytics"),
      vectorBuckets: await countReadable(sql, "storage.buckets_vectors"),
    });
    return { contents, files, findings };
  } finally {
    await sql.end().catch(() => {});
  }
}

async function storeLines(
  file: { readonly role: ContentsFile["role"]; readonly name: string },
  lines: AsyncIterable<string>,
  draft: Draft,
  recipients: Recipients,
): Promise<ContentsFile> {
  let rawBytes = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const line of lines) {
      const bytes = Buffer.from(`${line}\n`);
      rawBytes += bytes.length;
      yield bytes;
    }
  }
  const sealing = sealStream(compressStream(counted()), recipients);
  const name = sealedName(file.name);
  await draft.put(name, sealing.bytes);
  return { name, role: file.role, ...sealing.extents(), rawBytes };
}
