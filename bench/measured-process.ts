/** One program and everything it starts, timed from outside, with the peak memory of each as the kernel counts it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

export interface MeasuredCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Measurement {
  readonly seconds: number;
  /** VmHWM of the program itself. */
  readonly peakMiB: number;
  /** Of the children, the sum of each one's own peak: more than they ever used at one moment. */
  readonly childrenPeakMiB: number;
  /** Processor time of the program itself, all threads; what the last look saw. */
  readonly cpuSeconds: number;
  readonly stdout: string;
}

/** The high-water mark never falls, so what a late look sees includes every earlier moment. */
const lookEveryMs = 40;
/** What Linux counts processor time in for programs to read, on every usual machine. */
const ticksPerSecond = 100;

/** Throws with the end of its stderr unless the program exits with 0. */
export async function measure(command: MeasuredCommand): Promise<Measurement> {
  const peaks = new Map<number, number>();
  const started = performance.now();
  const child = spawn(command.program, command.args, {
    env: { ...process.env, ...command.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr = (stderr + text).slice(-4000)));
  const closed = once(child, "close") as Promise<[number | null]>;
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command.program} could not be started.`);
  const watch = { running: true, cpuTicks: 0 };
  const watching = watchPeaks(pid, peaks, watch);
  const [code] = await closed;
  const seconds = (performance.now() - started) / 1000;
  watch.running = false;
  await watching;
  if (code !== 0) throw new Error(`${command.program} ended with ${String(code)}: ${stderr}`);
  const own = peaks.get(pid) ?? 0;
  const all = [...peaks.values()].reduce((sum, peak) => sum + peak, 0);
  const cpuSeconds = watch.cpuTicks / ticksPerSecond;
  return { seconds, peakMiB: own / 1024, childrenPeakMiB: (all - own) / 1024, cpuSeconds, stdout };
}

async function watchPeaks(
  pid: number,
  peaks: Map<number, number>,
  watch: { readonly running: boolean; cpuTicks: number },
): Promise<void> {
  while (watch.running) {
    watch.cpuTicks = Math.max(watch.cpuTicks, await cpuTicks(pid));
    for (const one of await family(pid)) {
      const peak = await peakKb(one);
      if (peak > 0) peaks.set(one, peak);
    }
    await sleep(lookEveryMs);
  }
}

async function family(pid: number): Promise<number[]> {
  const tasks = await readdir(`/proc/${pid}/task`).catch(() => []);
  const children = await Promise.all(
    tasks.map(async (task) => await readFile(`/proc/${pid}/task/${task}/children`, "utf8").catch(() => "")),
  );
  const direct = children.join(" ").split(/\s+/).filter(Boolean).map(Number);
  return [pid, ...(await Promise.all(direct.map(family))).flat()];
}

async function peakKb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
}

async function cpuTicks(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The program's name, in parentheses, may hold anything; user and system time are the 12th and 13th field behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) || 0) + (Number(fields[12]) || 0);
}
