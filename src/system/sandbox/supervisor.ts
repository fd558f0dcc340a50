/**
 * The shell that stands between us and what runs isolated. Our end of its stdin is the life line: when that closes,
 * because we stop or were killed, it kills everything inside and removes the files. It runs with the rights that the
 * isolation needs, so that we need not be able to signal what runs under another account.
 */

/** Called with the sandbox's folder, then the command. Descriptor 9 is the filter of system calls. */
const script = `
trap '' HUP INT TERM
folder=$1
shift
exec 3<&0 </dev/null
echo $$ >"$folder/supervisor"
(
  # When memory runs out, the kernel ends what is in here first.
  { echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null
  exec env -i "$@" 3<&- 9<"$folder/filter"
) &
inside=$!
(
  while read -r line <&3; do :; done
  : >"$folder/ended"
  kill -KILL $inside
) &
guard=$!
exec 3<&-
wait $inside
status=$?
kill -KILL $guard
if [ -e "$folder/ended" ]; then
  chmod -R u+rwX "$folder/inside"
  rm -rf "$folder"/*
fi 2>/dev/null
exit $status
`;

export const filterDescriptor = "9";

export function supervised(folder: string, command: readonly string[]): readonly string[] {
  return ["/bin/sh", "-c", script, "lifeboat-sandbox", folder, ...command];
}
