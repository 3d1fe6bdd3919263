# A user's service manager, alone in namespaces of its own: it sees no other, and none sees it.
# Its end is the end of standard input; with this shell, which is process 1 there, ends all that it started.
set -e
mount -t tmpfs none /run/systemd
# Nobody looks inside: that it is there says that the machine runs systemd.
mkdir /run/systemd/system
umount /sys/fs/cgroup/systemd
mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
/lib/systemd/systemd --user >&2 &
until systemctl --user is-system-running --wait >&2; do sleep 0.1; done
echo ready
cat >/dev/null
