/**
 * What runs the script in a virtual machine: over an overlay of two trees, in a chroot with what a system has. In
 * namespaces `native/farm/` does the same, so that what comes of it is the same. Run by busybox, whose programs it uses.
 */
import { shellQuoted } from "../process/shell.js";

export interface StageSettings {
  /** What the overlay's layers are, and where it is mounted. */
  readonly lower: string;
  readonly upper: string;
  readonly work: string;
  readonly root: string;
  /** A folder of store paths, and where the script finds it; empty where there are none. */
  readonly store: string;
  readonly storeDir: string;
  /** Has busybox's programs, `script`, and `resolv.conf` where there is a network. */
  readonly tools: string;
  /** What runs the script, which is among its arguments: a program of the image's with arguments. */
  readonly shell: readonly string[];
  /** Where the script finds programs. */
  readonly path: string;
  /** Where it is told how it ended. */
  readonly status: string;
  /** The control group that the script is in. */
  readonly cgroup: string;
  readonly network: boolean;
}

/** Where the script finds what is not the image's; mounted, so that it does not get into the image. */
export const TOOLS = "/dev/laminix";
/** There: the script, and what bash reads before it. */
export const SCRIPT = `${TOOLS}/runAsRoot`;
export const TRAPS = `${TOOLS}/traps`;

/** The settings as assignments of a shell. */
export function assignments(settings: StageSettings): string {
  return Object.entries(settings)
    .map(([key, value]) => {
      const words = Array.isArray(value)
        ? (value as readonly string[]).map(shellQuoted).join(" ")
        : String(value);
      return `${key}=${shellQuoted(words)}\n`;
    })
    .join("");
}

/**
 * The script's output goes to the descriptor 3. What is told in the status file, a line each: `problem`, where the script
 * could not be run, or `code`, its exit status; `killed`, `forks` and `full` where it came to the end of memory, processes
 * and disk; `emptied` where nothing is left of the image's root.
 */
export const STAGE = String.raw`
tell() { echo "$1=$2" >> "$status"; }
give_up() { tell problem "$1"; exit 1; }

# A folder that something is to be mounted on. One that is made for it goes again.
made=
place() {
  at=
  wanted=$1
  IFS=/; set -f; set -- $1; set +f; unset IFS
  for part; do
    [ -n "$part" ] || continue
    at=$at/$part
    [ ! -L "$root$at" ] || give_up "the image has a link on the way to $wanted"
    if [ ! -e "$root$at" ]; then mkdir -m 755 "$root$at"; made="$at $made"; fi
    [ -d "$root$at" ] || give_up "the image has a file on the way to $wanted"
  done
}
# Whether a path of the root has no link in it.
is_plain() {
  at=$root
  IFS=/; set -f; set -- $1; set +f; unset IFS
  for part; do
    at=$at/$part
    [ ! -L "$at" ] || return 1
  done
}
others() { ls -A "$root" | grep -v -x -e dev -e proc -e sys -e tmp -e "$(echo "$storeDir" | cut -d / -f 2)" | wc -l; }

umask 022
mount -t overlay -o "redirect_dir=off,index=off,metacopy=off,xino=off,lowerdir=$lower,upperdir=$upper,workdir=$work" \
  overlay "$root" || give_up "no overlay can be mounted"
before=$(others)
for each in /dev /proc /sys /tmp; do place "$each"; done
case " $made" in *" /tmp "*) chmod 1777 "$root/tmp" ;; esac
if [ -n "$store" ]; then place "$storeDir"; fi

# The first process of the script's namespaces; what is left when it ends goes with it, and so does what is mounted here.
cat > "$tools/first" <<'END'
give_up() { echo "problem=$1" >> "$status"; exit 1; }
device() { mknod -m 666 "$root/dev/$1" c "$2" "$3"; }
mount -t tmpfs -o mode=755 dev "$root/dev" || give_up "no /dev can be mounted"
device null 1 3; device zero 1 5; device full 1 7; device random 1 8; device urandom 1 9; device tty 5 0
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"; ln -s fd/1 "$root/dev/stdout"; ln -s fd/2 "$root/dev/stderr"
mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/laminix" "$root/dev/laminix/bin"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
cp "$tools/bin/busybox" "$root/dev/laminix/bin/busybox"
cp "$tools/script" "$root/dev/laminix/runAsRoot"
cp "$tools/traps" "$root/dev/laminix/traps"
chmod 755 "$root/dev/laminix/runAsRoot"

# Links on the way to it are followed as the script will follow them.
if [ "$network" = true ] && etc=$(chroot "$root" /dev/laminix/bin/busybox readlink -f /etc) && [ -d "$root$etc" ]; then
  resolver=$etc/resolv.conf
  if [ ! -L "$root$resolver" ] && [ ! -e "$root$resolver" ]; then
    : > "$root$resolver"
    echo "$resolver" > "$tools/resolver"
  fi
  if [ ! -L "$root$resolver" ] && [ -f "$root$resolver" ]; then mount --bind "$tools/resolv.conf" "$root$resolver"; fi
fi

hostname localhost
ip link set lo up 2>/dev/null
mount -t proc proc "$root/proc" || give_up "no /proc can be mounted"
mount -t sysfs -o ro sysfs "$root/sys"
if [ -n "$store" ]; then
  mount --rbind "$store" "$root$storeDir" || give_up "the store cannot be mounted"
  mount -o remount,bind,ro "$root$storeDir" 2>/dev/null
fi
chroot "$root" /dev/laminix/bin/busybox --install /dev/laminix/bin
eval "set -- $shell"
chroot "$root" /dev/laminix/bin/env -i PATH="$path" HOME=/root TERM=dumb "$@"
exit $?
END
export root path shell store storeDir tools network status
unshared=-n
[ "$network" = false ] || unshared=
(
  echo 0 > "$cgroup/cgroup.procs"
  exec unshare -m -i -u $unshared -p -f sh "$tools/first"
) < /dev/null >&3 2>&3 3>&- &
running=$!
is_full() {
  set -- $(stat -f -c "%a %d" "$upper")
  [ "$1" -lt 64 ] || [ "$2" -lt 4 ]
}
forked() { grep -q "^max [1-9]" "$cgroup/pids.events"; }
(
  while sleep 1; do
    if is_full; then : > "$tools/full"; fi
    if forked; then echo 1 > "$cgroup/cgroup.kill"; fi
  done
) &
watching=$!
renice -n -20 -p "$watching" > /dev/null
wait "$running"
code=$?
kill "$watching"
if grep -q "^oom_kill [1-9]" "$cgroup/memory.events"; then tell killed 1; fi
if forked; then tell forks 1; fi
if [ -e "$tools/full" ] || is_full; then tell full 1; fi

# By now there may be links in the places of what was made, or on the way there.
for each in $made; do
  if is_plain "$each"; then rmdir "$root$each" 2>/dev/null; fi
done
if [ -e "$tools/resolver" ]; then
  resolver=$(cat "$tools/resolver")
  if is_plain "$resolver" && [ -f "$root$resolver" ] && [ ! -s "$root$resolver" ]; then rm "$root$resolver"; fi
fi
if [ "$before" -gt 0 ] && [ "$(others)" = 0 ]; then tell emptied 1; fi
umount "$root" || umount -l "$root"
tell code "$code"
`;
