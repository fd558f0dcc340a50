/** What GitHub charges for Actions this month, where the token may know; a public repository's use is free. */
import { z } from "zod";
import type { AskGitHub } from "../alerts/github-requests.ts";
import { asLifeboatError } from "../errors.ts";
import type { QuotaUsage } from "../monitoring/judge-quota.ts";
import type { Finding } from "../verification/findings.ts";

export interface QuotaRequest {
  readonly repository: { readonly owner: string; readonly name: string };
  readonly ask: AskGitHub;
  readonly now: Date;
}

export interface QuotaReport {
  /** Absent where nothing is counted, or nobody may know. */
  readonly quota?: QuotaUsage;
  readonly notes: readonly Finding[];
}

const repositorySchema = z.object({
  private: z.boolean(),
  owner: z.object({ login: z.string(), type: z.string() }),
});
/** https://docs.github.com/rest/billing/usage */
const usageSchema = z.object({
  usageItems: z.array(z.object({ product: z.string(), sku: z.string(), netAmount: z.number() })),
});
/** Names that GitHub gives: they stand in issues. */
const skuShape = /^[\w .()-]{1,60}$/;

export async function watchQuota({ repository, ask, now }: QuotaRequest): Promise<QuotaReport> {
  const right = "the organization permission Administration: read, or the account permission Plan: read";
  try {
    const place = { owner: repository.owner, repo: repository.name };
    const known = repositorySchema.parse(await ask("GET /repos/{owner}/{repo}", place, "metadata: read"));
    if (!known.private) return { notes: [] };
    const { login, type } = known.owner;
    const of = type === "Organization" ? "/organizations/{account}" : "/users/{account}";
    const [year, month] = [now.getUTCFullYear(), now.getUTCMonth() + 1];
    const answer = await ask(`GET ${of}/settings/billing/usage`, { account: login, year, month }, right);
    const { usageItems } = usageSchema.parse(answer);
    const charged = usageItems
      .filter(({ product, netAmount }) => product.toLowerCase() === "actions" && netAmount > 0)
      .map(({ sku }) => (skuShape.test(sku) ? sku : "Actions"));
    return { quota: { month: now.toISOString().slice(0, 7), charged: [...new Set(charged)] }, notes: [] };
  } catch (thrown) {
    const why =
      thrown instanceof z.ZodError ? "its answer is not understood." : asLifeboatError(thrown).message;
    const sentence = `How much of the account's minutes and artifact storage is used could not be checked: ${why}`;
    const remedy = `Look at the account's page Billing now and then; a token that may read it needs ${right}.`;
    return { notes: [{ level: "info", code: "quota-unknown", sentence, publicSentence: sentence, remedy }] };
  }
}
