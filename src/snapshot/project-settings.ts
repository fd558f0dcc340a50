/** project-settings.json, a sealed part of an application snapshot: what Supabase's Management API says of a project. */
import { z } from "zod";
import { LifeboatError } from "../errors.ts";
import { listOf } from "./list-of.ts";

const count = z.int().nonnegative();

/** A function's body beside it in project-functions.tar. */
const functionBody = z.looseObject({
  slug: z.string(),
  /** Name of the entry in the tar. */
  file: z.string(),
  /** As the API said. */
  contentType: z.string().exactOptional(),
  bytes: count,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

export const projectSettings = z.looseObject({
  formatVersion: z.literal(1),
  /** The project's ref. */
  project: z.string(),
  taken: z.string(),
  /** By setting, as the API answered; some answers hold secrets. */
  settings: z.record(z.string(), z.unknown()),
  /** Settings that the project does not have (404). */
  absent: listOf(z.string()),
  /** What the token may not read, or the API refuses. */
  unreadable: listOf(z.looseObject({ setting: z.string(), status: z.int() })),
  functions: listOf(functionBody),
  /** Functions whose bodies could not be read. */
  withoutBody: listOf(z.looseObject({ slug: z.string(), status: z.int() })),
  /** Secrets of which the API returns no value, but a digest. */
  notReturned: listOf(z.looseObject({ setting: z.string(), name: z.string() })),
});

export type ProjectSettings = z.infer<typeof projectSettings>;
export type FunctionBody = ProjectSettings["functions"][number];

/** What contents.json repeats of it. */
export const projectContents = z.looseObject({
  project: z.string(),
  settings: listOf(z.string()),
  absent: listOf(z.string()),
  unreadable: listOf(z.looseObject({ setting: z.string(), status: z.int() })),
  functions: listOf(functionBody),
  withoutBody: count,
  notReturned: count,
});

export function writeProjectSettings(settings: ProjectSettings): Buffer {
  return Buffer.from(`${JSON.stringify(settings, null, 1)}\n`);
}

export function readProjectSettings(document: Uint8Array): ProjectSettings {
  try {
    return projectSettings.parse(JSON.parse(Buffer.from(document).toString("utf8")));
  } catch (cause) {
    throw new LifeboatError(
      "snapshot-damaged",
      "project-settings.json does not have the fields of the format.",
      {
        cause,
      },
    );
  }
}
