/** Deploys functions from the bodies that a backup has, as they were. */
import type { FunctionBody, ProjectSettings } from "../snapshot/project-settings.ts";
import { asReply, type ManagementApi, type Reply } from "./management-api.ts";
import { type FunctionListing, functionsOf } from "./read-project-settings.ts";

const eszip = "application/vnd.denoland.eszip";

export interface Deployment {
  readonly body: FunctionBody;
  readonly listing: FunctionListing;
  /** Whether the project has one of that slug, which is then replaced. */
  readonly isThere: boolean;
}

export function deploymentOf(
  slug: string,
  backup: ProjectSettings,
  present: readonly FunctionListing[],
): Deployment | undefined {
  const body = backup.functions.find((one) => one.slug === slug);
  const listing = functionsOf(backup.settings["functions"]).find((one) => one.slug === slug);
  if (body === undefined || listing === undefined) return undefined;
  return { body, listing, isThere: present.some((one) => one.slug === slug) };
}

/** Creating one twice is refused: after a lost answer the function is there all the same. */
export async function deploy(
  api: ManagementApi,
  { body, listing, isThere }: Deployment,
  bytes: Uint8Array,
): Promise<Reply> {
  const { slug, name, verify_jwt, import_map, entrypoint_path, import_map_path, ezbr_sha256 } = listing;
  const facts = { name, verify_jwt, import_map, entrypoint_path, import_map_path };
  const query = new URLSearchParams(isThere ? {} : { slug });
  for (const [field, value] of Object.entries(facts))
    if (value !== undefined) query.set(field, String(value));
  // The CLI skips a deployment whose bundle has this hash; of a bundle that was compressed on its way it is another's.
  if (ezbr_sha256 === body.sha256) query.set("ezbr_sha256", ezbr_sha256);
  const what = "the deployment of a function";
  return asReply(
    await api.ask({
      method: isThere ? "PATCH" : "POST",
      path: `/functions${isThere ? `/${slug}` : ""}?${query.toString()}`,
      what,
      headers: { accept: "application/json", "content-type": eszip },
      body: bytes,
      maxBytes: 1024 * 1024,
    }),
    what,
  );
}
