/** Uploads an artifact as the client's own documentation shows it, bare or through the funnel. */
import { DefaultArtifactClient } from "@actions/artifact";
import { runAction } from "../../../../src/runner/run-action.ts";

const [, , how, file = "", folder = ""] = process.argv;

const upload = async (): Promise<void> => {
  await new DefaultArtifactClient().uploadArtifact("backup", [file], folder);
};

if (how === "bare") {
  upload()
    .then(() => console.log("uploaded"))
    .catch((error: unknown) => {
      console.log(`::error::${String(error)}`);
      process.exitCode = 1;
    });
} else {
  await runAction("db-backup", async () => {
    await upload();
    return { outputs: {}, summary: "uploaded", record: {} };
  });
}
