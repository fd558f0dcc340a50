/** The status page of what was just judged, as a file. A page that cannot be written is a way to tell people that failed. */
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { AlertPlace } from "../alerts/alert.ts";
import { LifeboatError } from "../errors.ts";
import type { Policy } from "../policy/policy.ts";
import { type Tier, tiers } from "../snapshot/snapshot-json.ts";
import { statusPage } from "../status-page/page.ts";
import type { StatusReport, StatusSource } from "../status-page/report.ts";
import type { Finding } from "../verification/findings.ts";
import type { MonitoredSource, PolicyView } from "./monitor-policy.ts";
import type { ChannelReport } from "./send-alerts.ts";

export interface StatusPageInput {
  readonly policy: Policy;
  readonly view: PolicyView;
  /** Besides those of the judgement. */
  readonly notes: readonly Finding[];
  readonly place: AlertPlace;
  readonly told: readonly ChannelReport[];
}

export async function writeStatusPage(path: string, input: StatusPageInput): Promise<ChannelReport> {
  const channel = "status-page";
  try {
    const page = statusPage(statusReport(input));
    await mkdir(dirname(path), { recursive: true });
    // A web server may be reading the one before it.
    const fresh = `${path}.new-${process.pid}`;
    try {
      await writeFile(fresh, page);
      await rename(fresh, path);
    } finally {
      await rm(fresh, { force: true });
    }
    return { channel, done: "written" };
  } catch (cause) {
    const { code = "" } = cause as NodeJS.ErrnoException;
    const why = code === "" ? "an unexpected failure" : code;
    const error = new LifeboatError("alert-failed", `The status page could not be written: ${why}.`, {
      hint: "See that `status-page` names a file in a folder that can be written to.",
      cause,
    });
    return { channel, done: "", error };
  }
}

export function statusReport({ policy, view, notes, place, told }: StatusPageInput): StatusReport {
  const { now, judgement, sources } = view;
  return {
    now,
    timezone: policy.timezone,
    place,
    judgement,
    sources: sources.flatMap((source, index) => {
      const state = judgement.sources[index];
      return state === undefined ? [] : [statusSource(source, state)];
    }),
    notes: [...judgement.notes, ...notes],
    unheard: told.filter(({ error }) => error !== undefined).map(({ channel }) => channel),
  };
}

function statusSource(
  { source, snapshots, stores, recoveryPoint, drills }: MonitoredSource,
  state: StatusSource["state"],
): StatusSource {
  const keeps: Partial<Record<Tier, number>> = {};
  for (const tier of tiers) {
    const kept = stores.flatMap((store) => store.keeps[tier] ?? []);
    if (kept.length > 0) keeps[tier] = Math.max(...kept);
  }
  return { source, state, snapshots, keeps, recoveryPoint, drills };
}
