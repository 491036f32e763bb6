# The first process of a sandbox, run by /bin/sh in namespaces that unshare(1) made. Puts the root together, moves it
# over `/` and runs the command given as arguments below it. Variables come from sandbox.ts; standard input is a
# life-line: when it ends, whoever wanted the sandbox is gone, and everything in it is killed.
set -eu

"$mount" -n --make-rprivate /
if [ -n "$overlay" ]; then
  # Layers are named relative to this folder, since all their names together must fit into one page.
  cd "$layers"
  "$mount" -n -t overlay overlay -o "$overlay" "$root"
else
  "$mount" -n --bind "$root" "$root"
fi

"$mount" -n -t tmpfs -o nosuid,mode=755 tmpfs "$root/dev"
cd "$root/dev"
"$mkdir" shm pts
for device in full null random tty urandom zero; do : >"$device"; done
"$ln" -s /proc/self/fd fd
"$ln" -s /proc/self/fd/0 stdin
"$ln" -s /proc/self/fd/1 stdout
"$ln" -s /proc/self/fd/2 stderr
"$ln" -s pts/ptmx ptmx
"$mount" -n -a -T "$table"
"$mount" -n -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts pts 2>/dev/null || :

if [ -n "$hostname" ]; then "$hostname" localhost; fi
if [ -n "$ip" ]; then "$ip" link set lo up 2>/dev/null || :; fi

exec 3<&0 </dev/null
cd "$root"
# Moved over `/` rather than entered by chroot alone, so that nothing lies above it that one could climb to.
"$mount" -n --move . /
: >"$ready"
umask 022
{
  "$cat" <&3 >/dev/null 2>&1 || :
  if [ "$grace" -gt 0 ]; then kill -s TERM -- -1 || :; "$sleep" "$grace"; fi
  # More than once, since the command may only be about to start.
  while :; do kill -s KILL -- -1 || :; "$sleep" 1 || :; done
} &
code=0
# The command's own complaints go with its output, in order; the shell's about it go nowhere.
exec 2>/dev/null
"$@" 3<&- 2>&1 || code=$?
exit "$code"
