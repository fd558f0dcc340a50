/** actionlint and zizmor, each installed once; undefined, with a warning, where Go or Python is missing. */
import { chmod, copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runTool } from "../../src/system/process.ts";
import { installOnce } from "./install-once.ts";

const actionlintVersion = "v1.7.12";
const zizmorVersion = "1.32.0";

export async function actionlintProgram(): Promise<string | undefined> {
  const folder = await installOnce(`actionlint/${actionlintVersion}`, async (target) => {
    const work = await mkdtemp(join(tmpdir(), "lifeboat-go-"));
    try {
      await runTool({
        program: "go",
        args: ["install", "-trimpath", `github.com/rhysd/actionlint/cmd/actionlint@${actionlintVersion}`],
        cwd: work,
        env: {
          ...environment(),
          GOBIN: join(work, "bin"),
          GOMODCACHE: join(work, "modules"),
          GOCACHE: join(work, "objects"),
          GOFLAGS: "-modcacherw",
          CGO_ENABLED: "0",
        },
      });
      await copyFile(join(work, "bin/actionlint"), join(target, "actionlint"));
      await chmod(join(target, "actionlint"), 0o755);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  });
  return folder === undefined ? undefined : join(folder, "actionlint");
}

/** By `--target`: a virtual environment could not be renamed, which `installOnce` does. */
export async function zizmorProgram(): Promise<string | undefined> {
  const folder = await installOnce(`zizmor/${zizmorVersion}`, async (target) => {
    await runTool({
      program: "python3",
      args: ["-m", "pip", "install", "--quiet", "--target", target, `zizmor==${zizmorVersion}`],
      env: environment(),
    });
  });
  return folder === undefined ? undefined : join(folder, "bin/zizmor");
}

function environment(): Record<string, string> {
  return process.env as Record<string, string>;
}
