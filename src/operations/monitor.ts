/**
 * One watch: pings, reads every store, judges, tells people, writes the status page, pings again. Whatever fails in the
 * telling is part of the report; whatever else fails is thrown, after the other side of the ping has heard of it.
 */
import type { AlertPlace } from "../alerts/alert.ts";
import type { AskGitHub } from "../alerts/github-requests.ts";
import type { Judgement, JudgementInput } from "../monitoring/judgement.ts";
import type { Policy } from "../policy/policy.ts";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import type { Finding } from "../verification/findings.ts";
import { monitorPolicy, type PolicyView } from "./monitor-policy.ts";
import type { PolicyPruneRequest } from "./prune-policy.ts";
import { type ChannelReport, type Channels, endingOf, sendAlerts, sendPing } from "./send-alerts.ts";
import { watchQuota } from "./watch-quota.ts";
import { watchSchedules } from "./watch-schedules.ts";
import { writeStatusPage } from "./write-status-page.ts";

export interface WatchRequest {
  readonly policy: Policy;
  /** What reading the policy had to say. */
  readonly policyNotes: readonly Finding[];
  /** What the jobs did; absent: nobody said. */
  readonly jobs?: JudgementInput["jobs"];
  /** File names of the workflows whose schedules must be alive. */
  readonly workflows: readonly string[];
  /** Whether anybody is told, and anything is enabled. */
  readonly isSending: boolean;
  /** File for the status page; absent: none. */
  readonly statusPage?: string | undefined;
}

export interface WatchMeans {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Opened after the first ping: a store that cannot be opened is heard of. */
  readonly openStores: () => PolicyPruneRequest["stores"];
  readonly channels: Channels;
  readonly place: AlertPlace;
  /** Absent without a repository and a token. */
  readonly github?:
    | { readonly repository: { readonly owner: string; readonly name: string }; readonly ask: AskGitHub }
    | undefined;
}

export interface WatchReport extends Pick<PolicyView, "sources"> {
  readonly judgement: Judgement;
  /** Every way to tell people that was used, the status page among them. */
  readonly channels: readonly ChannelReport[];
  /** Of the policy and of GitHub: worth knowing, but no problem. */
  readonly notes: readonly Finding[];
  readonly place: AlertPlace;
}

export async function monitor(request: WatchRequest, means: WatchMeans): Promise<WatchReport> {
  const { isSending } = request;
  const { channels, logger } = means;
  const started = isSending ? await sendPing("start", channels.ping) : [];
  try {
    return await watch(request, means, started);
  } catch (thrown) {
    const unheard = isSending ? await sendPing("fail", channels.ping) : [];
    for (const { error } of unheard) if (error !== undefined) logger.warning(error.message);
    throw thrown;
  }
}

async function watch(
  { policy, policyNotes, jobs, workflows: files, isSending, statusPage }: WatchRequest,
  { clock, openStores, channels, place, github, signal }: WatchMeans,
  started: readonly ChannelReport[],
): Promise<WatchReport> {
  const stores = openStores();
  const asked = await askGitHub(github, { files, mayEnable: isSending, now: clock.now() });
  const { notes: unseen, ...known } = asked;
  const view = await monitorPolicy(
    { policy, stores, ...(jobs === undefined ? {} : { jobs }), ...known },
    clock,
  );
  const { judgement, sources } = view;
  const names = policy.sources.map(({ name }) => name);
  signal.throwIfAborted();
  const told = isSending ? await sendAlerts(judgement, channels, place, names, signal) : [];
  // Who was not told because the run was asked to stop is told by the next one.
  signal.throwIfAborted();
  const notes = [...policyNotes, ...unseen];
  const written =
    statusPage === undefined ? [] : [await writeStatusPage(statusPage, { policy, view, notes, place, told })];
  const isWell = endingOf(judgement, [...started, ...told, ...written]) === undefined;
  const ended = isSending ? await sendPing(isWell ? "success" : "fail", channels.ping) : [];
  // Of the two pings one is worth a line: the one that failed, else the last.
  const pings = started.some(({ error }) => error !== undefined) ? started : ended;
  return { judgement, sources, channels: [...told, ...written, ...pings], notes, place };
}

async function askGitHub(
  github: WatchMeans["github"],
  {
    now,
    ...schedules
  }: { readonly files: readonly string[]; readonly mayEnable: boolean; readonly now: Date },
): Promise<Pick<JudgementInput, "workflows" | "quota"> & { readonly notes: readonly Finding[] }> {
  if (github === undefined) return { notes: [] };
  const alive = await watchSchedules({ ...github, ...schedules });
  const used = await watchQuota({ ...github, now });
  return { ...alive, ...used, notes: [...alive.notes, ...used.notes] };
}
