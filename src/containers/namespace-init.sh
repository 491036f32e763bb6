# First process of a container that util-linux `unshare` makes: prepares the root file system and becomes the command.
# Arguments: root, folder, uid, gid, then the command. The environment is the container's.
set -eu
root=$1 folder=$2 uid=$3 gid=$4
shift 4
# Loopback, with iproute2 or through sysfs, whichever there is.
ip link set lo up 2>/dev/null || {
  mount -t sysfs sysfs "$root/sys" 2>/dev/null && echo 0x9 >"$root/sys/class/net/lo/flags" && umount "$root/sys"
} 2>/dev/null || echo 'trimaran: the loopback interface of the container is down' >&2
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755,size=65536k tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
for device in null zero full random urandom tty; do
  : >"$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
hostname localhost 2>/dev/null || true
umask 022
if [ "$uid:$gid" = 0:0 ]; then
  exec unshare --root="$root" --wd="$folder" -- "$@"
fi
exec setpriv --reuid="$uid" --regid="$gid" --clear-groups unshare --root="$root" --wd="$folder" -- "$@"
