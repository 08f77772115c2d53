#include "farm/fence.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "farm/failure.h"
#include "farm/system_calls.h"

#if defined(__x86_64__)
#define LAMINIX_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define LAMINIX_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define LAMINIX_ARCH AUDIT_ARCH_RISCV64
#else
#define LAMINIX_ARCH 0
#endif

namespace laminix::farm {

namespace {

/** What installing packages and creating accounts takes. Device nodes cannot be opened: no file system allows
 * it. */
constexpr std::array kept{
    CAP_CHOWN,   CAP_DAC_OVERRIDE, CAP_FOWNER,  CAP_FSETID, CAP_KILL,       CAP_MKNOD, CAP_NET_BIND_SERVICE,
    CAP_SETFCAP, CAP_SETGID,       CAP_SETPCAP, CAP_SETUID, CAP_SYS_CHROOT,
};

/** What no program that is started may have. @returns what may be kept */
std::uint64_t limitCapabilities(bool hasNetwork) {
  std::uint64_t mask = 0;
  for (int capability : kept) mask |= std::uint64_t{1} << capability;
  // Of a network of its own.
  if (!hasNetwork) mask |= std::uint64_t{1} << CAP_NET_RAW;
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) {
    if ((mask >> capability & 1) == 0)
      must(prctl(PR_CAPBSET_DROP, capability), "a capability cannot be dropped");
  }
  // Linux 4.3 and later.
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  return mask;
}

void keepCapabilities(std::uint64_t mask) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  must(syscall(SYS_capget, &header, data.data()), "capabilities cannot be read");
  for (std::size_t i = 0; i < data.size(); ++i) {
    const std::uint32_t left = data[i].permitted & static_cast<std::uint32_t>(mask >> (32 * i));
    data[i] = {left, left, 0};
  }
  must(syscall(SYS_capset, &header, data.data()), "capabilities cannot be dropped");
}

/** The last system call known to the list below: file_setattr, Linux 6.17. Later ones fail with ENOSYS. */
constexpr std::uint32_t lastKnown = 469;

/** Denied with any arguments. Some need a capability that is dropped too: two checks are better than one. */
constexpr std::array denied {
  // Mounts and namespaces.
  SYS_mount, SYS_umount2, SYS_pivot_root, SYS_unshare, SYS_setns, SYS_mount_setattr, SYS_open_tree,
      SYS_move_mount, SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_open_by_handle_at,
      // Keys belong to a user, in whichever namespace.
      SYS_add_key, SYS_request_key, SYS_keyctl,
      // The kernel, and parts of it that have let many out.
      SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter,
      SYS_io_uring_register, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load,
      SYS_kexec_file_load, SYS_reboot, SYS_syslog, SYS_swapon, SYS_swapoff, SYS_acct, SYS_quotactl,
      SYS_vhangup, SYS_quotactl_fd, SYS_open_tree_attr,
#if defined(__x86_64__)
      SYS_iopl, SYS_ioperm, SYS_modify_ldt,
#endif
};

constexpr std::uint32_t namespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

/** Allowed, with AF_NETLINK. AF_VSOCK reaches the hypervisor from any network namespace; no build needs the
 * others. */
constexpr std::array families{AF_UNIX, AF_INET, AF_INET6, AF_PACKET};

constexpr std::uint32_t tiocLinux = 0x541C;

/** A program for the kernel's filter; see seccomp(2). */
class Filter {
 public:
  Filter() {
    load(offsetof(seccomp_data, arch));
    unless(BPF_JEQ, LAMINIX_ARCH, ENOSYS);
    load(offsetof(seccomp_data, nr));
    // Numbers of the x32 interface are larger, too.
    when(BPF_JGT, lastKnown, ENOSYS);
    for (long number : denied) when(BPF_JEQ, static_cast<std::uint32_t>(number), EPERM);
    // A filter cannot see its arguments; the C library falls back on clone.
    when(BPF_JEQ, SYS_clone3, ENOSYS);
    whenCalled(SYS_clone, [&] {
      loadArgument(0);
      when(BPF_JSET, namespaces, EPERM);
    });
    whenCalled(SYS_ioctl, [&] {
      loadArgument(1);
      when(BPF_JEQ, TIOCSTI, EPERM);
      when(BPF_JEQ, tiocLinux, EPERM);
    });
    whenCalled(SYS_socket, [&] {
      loadArgument(0);
      for (int family : families) allow(static_cast<std::uint32_t>(family));
      unless(BPF_JEQ, AF_NETLINK, EAFNOSUPPORT);
      // The audit log is this system's. Programs take this error for a kernel without one.
      loadArgument(2);
      when(BPF_JEQ, NETLINK_AUDIT, EPROTONOSUPPORT);
    });
    give(SECCOMP_RET_ALLOW);
  }

  void install() {
    sock_fprog program{static_cast<unsigned short>(code_.size()), code_.data()};
    must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "system calls cannot be filtered");
  }

 private:
  void add(unsigned code, std::uint32_t value, std::uint8_t yes = 0, std::uint8_t no = 0) {
    code_.push_back({static_cast<std::uint16_t>(code), yes, no, value});
  }
  void load(std::size_t offset) { add(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)); }
  /** The lower half: what is compared has 32 bits. */
  void loadArgument(std::size_t index) {
    constexpr bool bigEndian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    load(offsetof(seccomp_data, args) + index * sizeof(std::uint64_t) + (bigEndian ? 4 : 0));
  }
  void give(std::uint32_t result) { add(BPF_RET | BPF_K, result); }
  void when(unsigned test, std::uint32_t value, int error) {
    add(BPF_JMP | test | BPF_K, value, 0, 1);
    give(SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error));
  }
  void unless(unsigned test, std::uint32_t value, int error) {
    add(BPF_JMP | test | BPF_K, value, 1, 0);
    give(SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error));
  }
  void allow(std::uint32_t value) {
    add(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    give(SECCOMP_RET_ALLOW);
  }
  /** What `checks` lets through is allowed. */
  template <typename Checks>
  void whenCalled(long number, Checks checks) {
    const std::size_t jump = code_.size();
    add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number));
    checks();
    give(SECCOMP_RET_ALLOW);
    code_[jump].jf = static_cast<std::uint8_t>(code_.size() - jump - 1);
  }
  std::vector<sock_filter> code_;
};

}  // namespace

void raiseFence(bool hasNetwork, const User& user) {
  if (LAMINIX_ARCH == 0) throw Failure("system calls of this processor cannot be filtered");
  const std::uint64_t allowed = limitCapabilities(hasNetwork);
  become(user);
  // The caller's session keyring has its keys. Not every kernel has keyrings.
  syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr);
  Filter filter;
  keepCapabilities(user.id == 0 ? allowed : 0);
  must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
  filter.install();
}

}  // namespace laminix::farm
