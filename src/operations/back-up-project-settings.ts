/** A Supabase project's settings as two sealed parts: what the Management API says, and the functions' bodies as tar. */
import { createHash } from "node:crypto";
import { pack as tarPack } from "tar-stream";
import type { ApplicationContents } from "../snapshot/application-contents.ts";
import type { ContentsFile } from "../snapshot/contents.ts";
import {
  type FunctionBody,
  type ProjectSettings,
  writeProjectSettings,
} from "../snapshot/project-settings.ts";
import type { ManagementApi } from "../supabase/management-api.ts";
import { secretsIn } from "../supabase/project-secrets.ts";
import { functionsOf, readFunctionBody, type SettingsRead } from "../supabase/read-project-settings.ts";
import { streamOf } from "../system/stream-of.ts";
import type { Finding } from "../verification/findings.ts";

type ProjectContents = NonNullable<ApplicationContents["project"]>;

interface Parts {
  store(role: ContentsFile["role"], title: string, raw: AsyncIterable<Uint8Array>): Promise<void>;
}

export async function storeProjectSettings(
  api: ManagementApi,
  { read, taken }: { readonly read: SettingsRead; readonly taken: string },
  parts: Parts,
): Promise<ProjectContents> {
  const slugs = functionsOf(read.present.functions).map(({ slug }) => slug);
  const functions: FunctionBody[] = [];
  const withoutBody: { slug: string; status: number }[] = [];
  if (slugs.length > 0) {
    const tar = bodiesAsTar(api, slugs, { functions, withoutBody, modified: new Date(taken) });
    await parts.store("project-functions", "project-functions.tar", tar);
  }
  const document: ProjectSettings = {
    formatVersion: 1,
    project: api.project,
    taken,
    settings: { ...read.present },
    absent: [...read.absent],
    unreadable: read.unreadable.map((one) => ({ ...one })),
    functions,
    withoutBody,
    notReturned: secretsIn(read.present).map(({ setting, name }) => ({ setting, name })),
  };
  await parts.store("project-settings", "project-settings.json", streamOf(writeProjectSettings(document)));
  return {
    project: document.project,
    settings: Object.keys(document.settings),
    absent: document.absent,
    unreadable: document.unreadable,
    functions,
    withoutBody: withoutBody.length,
    notReturned: document.notReturned.length,
  };
}

interface Bodies {
  readonly functions: FunctionBody[];
  readonly withoutBody: { slug: string; status: number }[];
  readonly modified: Date;
}

/** One body in memory at a time; the lists are filled on the way. */
async function* bodiesAsTar(
  api: ManagementApi,
  slugs: readonly string[],
  { functions, withoutBody, modified }: Bodies,
): AsyncGenerator<Uint8Array, void, undefined> {
  const pack = tarPack();
  const writing = (async () => {
    for (const slug of slugs) {
      const body = await readFunctionBody(api, slug);
      if ("status" in body) {
        withoutBody.push({ slug, status: body.status });
        continue;
      }
      const { bytes, contentType } = body;
      const file = `${slug}.eszip`;
      await new Promise<void>((done, fail) => {
        pack.entry({ name: file, mode: 0o600, mtime: modified }, bytes, (error) =>
          error ? fail(error) : done(),
        );
      });
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      const type = contentType === undefined ? {} : { contentType };
      functions.push({ slug, file, ...type, bytes: bytes.length, sha256 });
    }
    pack.finalize();
  })();
  writing.catch((cause: unknown) => pack.destroy(cause as Error));
  for await (const bytes of pack as AsyncIterable<Buffer>) yield bytes;
  await writing;
}

/** Numbers and names of the API's own only: everybody may read them. */
export function projectFindings(project: ProjectContents): readonly Finding[] {
  const findings: Finding[] = [];
  const add = (level: Finding["level"], code: string, sentence: string, remedy: string): void =>
    void findings.push({ level, code, sentence, publicSentence: sentence, remedy });
  const { notReturned, unreadable, withoutBody } = project;
  if (notReturned > 0) {
    add(
      // Nothing can be done about it before a restore; the summary has the number in its table.
      "info",
      "project-secrets-not-kept",
      `Needs a person: ${notReturned} secrets of the project are in no backup, because the Management API does not return their values.`,
      "Keep their values where you keep passwords, or in `environment`; the sealed part lists their names, to be entered again after a restore.",
    );
  }
  if (unreadable.length > 0) {
    const what = unreadable.map(({ setting, status }) => `${setting} (${status})`).join(", ");
    add(
      "warning",
      "project-settings-not-readable",
      `These settings of the project could not be read: ${what}.`,
      "Make the access token as an owner or administrator of the organization.",
    );
  }
  if (withoutBody > 0) {
    add(
      "warning",
      "project-functions-not-kept",
      `${withoutBody} functions of the project are listed, but their bodies could not be read.`,
      "Keep their sources in the repository, and see whether they can still be downloaded.",
    );
  }
  return findings;
}
