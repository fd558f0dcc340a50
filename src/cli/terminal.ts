/** The terminal: results on stdout, everything else on stderr; a bar for eyes, sparse lines for a log. */
import { harmlessLines, harmlessText } from "../runner/harmless-text.ts";
import type { GroupingLogger } from "../runner/logger.ts";
import type { Secrets } from "../runner/secrets.ts";
import type { Clock } from "../system/clock.ts";

export interface Terminal {
  readonly logger: GroupingLogger;
  /** Shows how far something is; call `end` when it is over, however it ended. One at a time. */
  progress(title: string, unit: "bytes" | "objects", total?: number): Progress;
  /** The one result of a command: the document with --json, the text without. A second call is a defect. */
  result(document: unknown, text: string): void;
  /** Whether stdout already has its result. */
  readonly hasResult: boolean;
  /** Lines on stderr, after the bar was taken away. */
  say(text: string): void;
}

export interface Progress {
  advance(by: number): void;
  end(): void;
}

export interface Screen {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface TerminalOptions {
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly isJson: boolean;
  readonly isVerbose: boolean;
  readonly stdout: Screen;
  readonly stderr: Screen;
}

const redrawMs = 100;
const logEveryPercent = 10;
const logEveryMs = 30_000;

export function createTerminal(options: TerminalOptions): Terminal {
  const { secrets, stdout, stderr } = options;
  const eyes = stderr.isTTY === true;
  let hasResult = false;
  let bar = "";
  const draw = (text: string): void => {
    if (bar !== "") stderr.write("\r\u001b[K");
    bar = text;
    if (bar !== "") stderr.write(bar);
  };
  const say = (text: string): void => {
    const shown = bar;
    draw("");
    for (const line of harmlessLines(secrets.redact(text))) stderr.write(`${line}\n`);
    draw(shown);
  };
  return {
    logger: {
      info: say,
      warning: (line) => say(`Warning: ${line}`),
      debug: (line) => {
        if (options.isVerbose) say(line);
      },
      group: async (title, work) => {
        say(title);
        return await work();
      },
    },
    say,
    get hasResult() {
      return hasResult;
    },
    result(document, text) {
      if (hasResult) throw new Error("A command has one result.");
      hasResult = true;
      draw("");
      // JSON escapes what a terminal would act upon; a person's text is made harmless.
      const shown = options.isJson ? JSON.stringify(document, null, 2) : harmlessLines(text).join("\n");
      if (shown !== "") stdout.write(`${secrets.redact(shown)}\n`);
    },
    progress(title, unit, total) {
      const measure = measureOf(harmlessText(secrets.redact(title)), unit, total);
      return eyes ? drawnProgress(measure, draw, options) : loggedProgress(measure, say, options);
    },
  };
}

interface Measure {
  readonly total: number | undefined;
  /** "database: 45 % of 1.2 GB" */
  readonly words: (done: number) => string;
}

function drawnProgress(measure: Measure, draw: (text: string) => void, options: TerminalOptions): Progress {
  let done = 0;
  let drawnAt = Number.NEGATIVE_INFINITY;
  return {
    advance(by) {
      done += by;
      const now = options.clock.elapsedMs();
      if (now - drawnAt < redrawMs) return;
      drawnAt = now;
      draw(barText(measure, done, options.stderr.columns ?? 80));
    },
    end: () => draw(""),
  };
}

function barText({ total, words }: Measure, done: number, columns: number): string {
  const text = words(done);
  const width = Math.min(30, columns - text.length - 4);
  if (total === undefined || total === 0 || width < 5) return text.slice(0, columns - 1);
  const filled = Math.min(width, Math.floor((done / total) * width));
  return `[${"#".repeat(filled)}${".".repeat(width - filled)}] ${text}`;
}

function loggedProgress(
  { total, words }: Measure,
  say: (text: string) => void,
  options: TerminalOptions,
): Progress {
  let done = 0;
  let saidAt = options.clock.elapsedMs();
  let saidStep = 0;
  return {
    advance(by) {
      done += by;
      const now = options.clock.elapsedMs();
      const step =
        total === undefined || total === 0 ? 0 : Math.floor((done / total) * (100 / logEveryPercent));
      const isDue = total === undefined ? now - saidAt >= logEveryMs : step > saidStep;
      if (!isDue) return;
      saidAt = now;
      saidStep = step;
      say(words(done));
    },
    end() {},
  };
}

function measureOf(title: string, unit: "bytes" | "objects", total: number | undefined): Measure {
  const amount = (value: number): string => (unit === "bytes" ? formatBytes(value) : `${value} objects`);
  return {
    total,
    words: (done) =>
      total === undefined || total === 0
        ? `${title}: ${amount(done)}`
        : `${title}: ${Math.min(100, Math.floor((done / total) * 100))} % of ${amount(total)}`,
  };
}

/** `1.2 GB`, in powers of 1000 as GitHub bills them. */
export function formatBytes(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${units[power] ?? ""}`;
}
