/** The application half of contents.json: what code, files and settings a snapshot holds. */
import { z } from "zod";
import { projectContents } from "./project-settings.ts";
import { listOf } from "./list-of.ts";

const count = z.int().nonnegative();

const tree = z.looseObject({
  /** As they were asked for. */
  paths: listOf(z.string()),
  files: count,
  folders: count,
  links: count,
  /** Bytes of files. */
  bytes: count,
  /** Sockets, pipes and devices. */
  skipped: listOf(z.string()),
  /** How many there are of each kind of what is not kept, or not brought back: `socket`, `setuid`, … */
  kinds: z.record(z.string(), count).exactOptional(),
});

export const applicationContents = z.looseObject({
  repository: z
    .looseObject({
      head: z.string(),
      headRef: z.string().exactOptional(),
      refs: listOf(z.looseObject({ name: z.string(), object: z.string() })),
      newestCommit: z.string(),
      usesLfs: z.boolean(),
    })
    .exactOptional(),
  files: tree.exactOptional(),
  config: tree.exactOptional(),
  /** Bytes of the environment file. */
  environment: z.looseObject({ bytes: count }).exactOptional(),
  settings: z
    .looseObject({
      kinds: listOf(z.string()),
      unreadable: listOf(z.looseObject({ kind: z.string(), status: z.int() })),
    })
    .exactOptional(),
  /** Of a Supabase project. */
  project: projectContents.exactOptional(),
});

export type ApplicationContents = z.infer<typeof applicationContents>;
