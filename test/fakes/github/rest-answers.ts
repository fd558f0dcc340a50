/** The JSON documents of GitHub's REST interface, with every field that its schema requires. */
import type { FakeArtifact, FakeRun, GitHubState } from "./state.ts";

const repositoryLinks = [
  ..."archive assignees blobs branches collaborators comments commits compare contents contributors".split(
    " ",
  ),
  ..."deployments downloads events forks git_commits git_refs git_tags hooks issue_comment".split(" "),
  ..."issue_events issues keys labels languages merges milestones notifications pulls releases".split(" "),
  ..."stargazers statuses subscribers subscription tags teams trees".split(" "),
];
const userLinks =
  "events followers following gists organizations received_events repos starred subscriptions".split(" ");

function links(names: readonly string[], base: string): Record<string, string> {
  return Object.fromEntries(names.map((name) => [`${name}_url`, `${base}/${name}`]));
}

export function userAnswer(login: string, origin: string): object {
  const url = `${origin}/users/${encodeURIComponent(login)}`;
  return {
    ...links(userLinks, url),
    login,
    id: 77,
    node_id: "U_77",
    avatar_url: `${url}/avatar`,
    gravatar_id: "",
    html_url: `https://github.com/${encodeURIComponent(login)}`,
    url,
    type: "Organization",
    site_admin: false,
  };
}

/** What stands for a repository inside other documents. */
function minimalRepository(state: GitHubState, origin: string, id = state.repositoryId): object {
  const isOwn = id === state.repositoryId;
  const owner = isOwn ? state.owner : "somebody";
  const url = `${origin}/repos/${owner}/${state.repo}`;
  return {
    ...links(repositoryLinks, url),
    id,
    node_id: `R_${id}`,
    name: state.repo,
    full_name: `${owner}/${state.repo}`,
    owner: userAnswer(owner, origin),
    private: state.isPrivate,
    fork: !isOwn,
    description: null,
    html_url: `https://github.com/${owner}/${state.repo}`,
    url,
  };
}

export function repositoryAnswer(state: GitHubState, origin: string): object {
  const page = `https://github.com/${state.owner}/${state.repo}`;
  const moment = "2026-01-01T00:00:00Z";
  const none = { forks: 0, forks_count: 0, open_issues: 0, open_issues_count: 0, size: 1 };
  const nobody = {
    stargazers_count: 0,
    watchers: 0,
    watchers_count: 0,
    network_count: 0,
    subscribers_count: 0,
  };
  const features = { has_issues: true, has_projects: false, has_wiki: false, has_pages: false };
  return {
    ...minimalRepository(state, origin),
    ...none,
    ...nobody,
    ...features,
    has_discussions: false,
    default_branch: state.defaultBranch,
    clone_url: `${page}.git`,
    git_url: `git://github.com/${state.owner}/${state.repo}.git`,
    ssh_url: `git@github.com:${state.owner}/${state.repo}.git`,
    svn_url: page,
    homepage: null,
    language: null,
    mirror_url: null,
    license: null,
    archived: false,
    disabled: false,
    created_at: moment,
    pushed_at: moment,
    updated_at: moment,
  };
}

export function runAnswer(state: GitHubState, run: FakeRun, origin: string): object {
  const url = `${origin}/repos/${state.owner}/${state.repo}/actions/runs/${run.id}`;
  const moment = state.now().toISOString();
  const who = { name: "A", email: "a@example.org" };
  const steps = "jobs logs check_suite artifacts cancel rerun workflow".split(" ");
  return {
    ...links(steps, url),
    id: run.id,
    node_id: `WFR_${run.id}`,
    name: "backup",
    display_title: "backup",
    head_branch: run.headBranch,
    head_sha: "0".repeat(40),
    path: run.path,
    actor: userAnswer(run.actor, origin),
    triggering_actor: userAnswer(run.startedBy[run.attempt - 1] ?? run.actor, origin),
    run_number: 1,
    run_attempt: run.attempt,
    event: run.event,
    status: "in_progress",
    conclusion: null,
    workflow_id: 1,
    url,
    html_url: `https://github.com/${state.owner}/${state.repo}/actions/runs/${run.id}`,
    pull_requests: [],
    created_at: moment,
    updated_at: moment,
    head_commit: {
      id: "0".repeat(40),
      tree_id: "0".repeat(40),
      message: "m",
      timestamp: moment,
      author: who,
      committer: who,
    },
    repository: minimalRepository(state, origin),
    head_repository: minimalRepository(state, origin, run.headRepositoryId),
    head_repository_id: run.headRepositoryId,
  };
}

export function artifactAnswer(state: GitHubState, artifact: FakeArtifact, origin: string): object {
  const run = state.runs.get(artifact.runId);
  const url = `${origin}/repos/${state.owner}/${state.repo}/actions/artifacts/${artifact.id}`;
  return {
    id: artifact.id,
    node_id: `A_${artifact.id}`,
    name: artifact.name,
    size_in_bytes: artifact.size,
    digest: artifact.digest ?? null,
    url,
    archive_download_url: `${url}/zip`,
    expired: state.isExpired(artifact),
    created_at: artifact.createdAt.toISOString(),
    updated_at: artifact.createdAt.toISOString(),
    expires_at: artifact.expiresAt.toISOString(),
    workflow_run: run && {
      id: run.id,
      repository_id: state.repositoryId,
      head_repository_id: run.headRepositoryId,
      head_branch: run.headBranch,
      head_sha: "0".repeat(40),
    },
  };
}
