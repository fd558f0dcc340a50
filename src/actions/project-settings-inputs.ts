/** Inputs of everything that asks the Management API about a Supabase project. */
import type { InputReader } from "../runner/input-reader.ts";
import { parseAccessToken, parseProjectRef } from "../supabase/management-connection.ts";
import { namedBySource, optionalSecret } from "./policy-secrets.ts";
import type { ChosenSource, SourceOf } from "./policy-source.ts";

export interface ProjectInputs {
  /** The project's ref. */
  readonly project: string;
  readonly token: string;
}

/** Undefined where no access token is given: then no settings are kept. */
export function projectBackedUp(
  read: InputReader,
  chosen: ChosenSource<SourceOf<"application">> | undefined,
): ProjectInputs | undefined {
  const { source } = chosen ?? {};
  const named = namedBySource(chosen, "access-token", source?.accessToken);
  const token = optionalSecret(read, "access-token", named, parseAccessToken);
  const given = read.optional.parsed("project", parseProjectRef);
  const project = given ?? source?.project;
  if (token !== undefined && project !== undefined) return { project, token };
  if (token !== undefined) {
    read.problem(
      "project",
      "is missing: an access token may see many.",
      "Give the project's ref, the 20 letters of https://<ref>.supabase.co.",
    );
  } else if (given !== undefined && named === undefined) {
    read.problem("access-token", "is missing.", "Settings of a project are read with an access token.");
  }
  return undefined;
}

/** The project that settings are written into; undefined where the choice is another. */
export function projectRestored(read: InputReader): ProjectInputs | undefined {
  const token = read.optional.secret("access-token", parseAccessToken);
  const project = read.optional.parsed("project-settings", parseProjectRef);
  if (project !== undefined && token !== undefined) return { project, token };
  if (project !== undefined) {
    read.problem("access-token", "is missing.", "Give an access token that may change the project.");
  } else if (token !== undefined) {
    read.problem(
      "project-settings",
      "is missing, but an access token is given.",
      "Give the ref of the project to write settings into, or no token.",
    );
  }
  return undefined;
}
