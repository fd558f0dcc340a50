/** The Twirp service that @actions/artifact talks to, as far as artifacts go through it. */
import type { BlobStorage } from "./blob-storage.ts";
import type { Exchange } from "./exchange.ts";
import type { FakeArtifact, FakeRun, GitHubState } from "./state.ts";

export const twirpPath = "/twirp/github.actions.results.api.v1.ArtifactService/";

interface ServiceRequest {
  readonly workflow_run_backend_id: string;
  readonly workflow_job_run_backend_id: string;
  readonly name?: string;
  readonly expires_at?: string;
  readonly mime_type?: string;
  readonly version?: number;
  readonly size?: string;
  readonly hash?: string;
  readonly name_filter?: string;
  readonly id_filter?: string;
}

export class ArtifactService {
  readonly #state: GitHubState;
  readonly #blobs: BlobStorage;
  /** More bytes than this in all artifacts together: the account's storage is used up. */
  quotaBytes = Infinity;

  constructor(state: GitHubState, blobs: BlobStorage) {
    this.#state = state;
    this.#blobs = blobs;
  }

  async answer(exchange: Exchange): Promise<void> {
    const request = JSON.parse((await exchange.body()).toString("utf8")) as ServiceRequest;
    const run = this.#state.runOfBackend(request.workflow_run_backend_id);
    if (run === undefined || !holdsToken(exchange, run)) {
      exchange.json(401, { code: "unauthenticated", msg: "the runtime token is not of this run" });
      return;
    }
    const method = exchange.url.pathname.slice(twirpPath.length);
    if (method === "CreateArtifact") this.#create(exchange, run, request);
    else if (method === "FinalizeArtifact") this.#finalize(exchange, run, request);
    else if (method === "ListArtifacts") this.#list(exchange, run, request);
    else if (method === "GetSignedArtifactURL") this.#signedUrl(exchange, run, request);
    else if (method === "DeleteArtifact") this.#delete(exchange, run, request);
    else exchange.json(404, { code: "bad_route", msg: `no method ${method}` });
  }

  #create(exchange: Exchange, run: FakeRun, request: ServiceRequest): void {
    const { name = "" } = request;
    if (/[":<>|*?\r\n\\/]/.test(name) || name === "" || request.version !== 7) {
      exchange.json(400, { code: "invalid_argument", msg: "name or version is invalid" });
      return;
    }
    const stored = [...this.#state.artifacts.values()];
    if (stored.some((artifact) => artifact.runId === run.id && artifact.name === name)) {
      exchange.json(409, {
        code: "already_exists",
        msg: "an artifact with this name already exists on the workflow run",
      });
      return;
    }
    if (stored.reduce((sum, artifact) => sum + artifact.size, 0) > this.quotaBytes) {
      exchange.json(403, { code: "permission_denied", msg: "insufficient usage to create artifact" });
      return;
    }
    const artifact = this.#state.newArtifact(run, name, {
      ...(request.expires_at === undefined ? {} : { expiresAt: new Date(request.expires_at) }),
      ...(request.mime_type === undefined ? {} : { mimeType: request.mime_type }),
    });
    exchange.json(200, { ok: true, signed_upload_url: this.#blobs.signedUrl(artifact) });
  }

  #finalize(exchange: Exchange, run: FakeRun, request: ServiceRequest): void {
    const artifact = this.#find(run, request.name);
    if (artifact === undefined) {
      exchange.json(404, { code: "not_found", msg: "no such artifact" });
      return;
    }
    artifact.size = Number(request.size);
    artifact.digest = request.hash;
    artifact.finalized = true;
    exchange.json(200, { ok: true, artifact_id: String(artifact.id) });
  }

  #list(exchange: Exchange, run: FakeRun, request: ServiceRequest): void {
    const artifacts = [...this.#state.artifacts.values()]
      .filter((artifact) => artifact.runId === run.id && artifact.finalized)
      .filter(({ name }) => request.name_filter === undefined || name === request.name_filter)
      .filter(({ id }) => request.id_filter === undefined || String(id) === request.id_filter)
      .map((artifact) => ({
        workflow_run_backend_id: run.backendId,
        workflow_job_run_backend_id: run.jobBackendId,
        database_id: String(artifact.id),
        name: artifact.name,
        size: String(artifact.size),
        created_at: artifact.createdAt.toISOString(),
        digest: artifact.digest,
      }));
    exchange.json(200, { artifacts });
  }

  #signedUrl(exchange: Exchange, run: FakeRun, request: ServiceRequest): void {
    const artifact = this.#find(run, request.name);
    if (artifact === undefined) {
      exchange.json(404, { code: "not_found", msg: "no such artifact" });
      return;
    }
    exchange.json(200, { signed_url: this.#blobs.signedUrl(artifact) });
  }

  #delete(exchange: Exchange, run: FakeRun, request: ServiceRequest): void {
    const artifact = this.#find(run, request.name);
    if (artifact === undefined) {
      exchange.json(404, { code: "not_found", msg: "no such artifact" });
      return;
    }
    this.#state.artifacts.delete(artifact.id);
    exchange.json(200, { ok: true, artifact_id: String(artifact.id) });
  }

  #find(run: FakeRun, name: string | undefined): FakeArtifact | undefined {
    return [...this.#state.artifacts.values()].find((one) => one.runId === run.id && one.name === name);
  }
}

export function runtimeToken(run: FakeRun): string {
  const scp = `Actions.ExampleScope Actions.Results:${run.backendId}:${run.jobBackendId}`;
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "RS256", typ: "JWT" })}.${part({ scp })}.signature`;
}

function holdsToken(exchange: Exchange, run: FakeRun): boolean {
  const payload = (exchange.headers.authorization ?? "").split(".")[1] ?? "";
  return Buffer.from(payload, "base64url").toString("utf8").includes(`Actions.Results:${run.backendId}:`);
}
