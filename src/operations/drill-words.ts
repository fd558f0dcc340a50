/** Words that drills' findings and reports share. */
import type { Finding } from "../verification/findings.ts";

export function warning(code: string, sentence: string, remedy: string): Finding {
  return { level: "warning", code, sentence, publicSentence: sentence, remedy };
}

/** `12 s`, `3 min 20 s`, `4 h 5 min`, `31 days 2 h` */
export function inWords(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor((seconds % 86_400) / 3600)];
  const [minutes, left] = [Math.floor((seconds % 3600) / 60), seconds % 60];
  const two = (one: string, other: string, rest: number): string => (rest === 0 ? one : `${one} ${other}`);
  if (days > 0) return two(`${days} ${days === 1 ? "day" : "days"}`, `${hours} h`, hours);
  if (hours > 0) return two(`${hours} h`, `${minutes} min`, minutes);
  if (minutes > 0) return two(`${minutes} min`, `${left} s`, left);
  return milliseconds < 10_000 ? `${(milliseconds / 1000).toFixed(1)} s` : `${seconds} s`;
}
