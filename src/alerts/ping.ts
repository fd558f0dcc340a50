/** A dead man's switch like healthchecks.io: it calls people when nobody calls it, so it also notices a dead scheduler. */
import { deliver, type HttpSettings } from "./http-post.ts";

export type PingKind = "start" | "success" | "fail";

/** Success is the bare address; throws `alert-failed`. */
export async function ping(kind: PingKind, settings: HttpSettings): Promise<void> {
  const headers = { "user-agent": "lifeboat" };
  await deliver("ping", { method: "GET", headers }, { ...settings, url: pingUrl(settings.url, kind) });
}

export function pingUrl(url: string, kind: PingKind): string {
  if (kind === "success" || !URL.canParse(url)) return url;
  const signal = new URL(url);
  signal.pathname = `${signal.pathname.replace(/\/+$/, "")}/${kind}`;
  return signal.href;
}
