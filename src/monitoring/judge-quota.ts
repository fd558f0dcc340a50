/** Whether GitHub charges for Actions beyond what the account's plan includes; without a payment method it refuses work. */
import { type MonitorFinding, monitorFinding } from "./findings.ts";

export interface QuotaUsage {
  /** `2026-11` */
  readonly month: string;
  /** Of Actions, what is charged this month beyond what the plan includes, each once: `Actions storage`, `Actions Linux`. */
  readonly charged: readonly string[];
}

const subject = { kind: "quota", name: "" } as const;

export function judgeQuota({ month, charged }: QuotaUsage): readonly MonitorFinding[] {
  if (charged.length === 0) return [];
  const what = charged.toSorted().join(", ");
  const sentence = `GitHub charges the account for more than its plan includes in ${month}: ${what}.`;
  return [monitorFinding("quota-exceeded", subject, sentence)];
}

export function recoveryOfQuota({ month, charged }: QuotaUsage): string | undefined {
  return charged.length > 0
    ? undefined
    : `GitHub charges nothing beyond what the account's plan includes in ${month}.`;
}
