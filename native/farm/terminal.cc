#include "farm/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "farm/failure.h"

namespace laminix::farm {

namespace {

/** ioctl_tty(2), TIOCGPTPEER: since Linux 4.13. */
constexpr unsigned long openPeer = 0x5441;

bool copy(int from, int to) {
  std::array<char, 1 << 14> bytes;
  const ssize_t size = read(from, bytes.data(), bytes.size());
  if (size < 0) return errno == EINTR || errno == EAGAIN;
  for (ssize_t done = 0; done < size;) {
    const ssize_t written = write(to, bytes.data() + done, static_cast<std::size_t>(size - done));
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) done += written;
  }
  return size > 0;
}

}  // namespace

RawTerminal::RawTerminal(bool isWanted) {
  termios now;
  if (!isWanted || tcgetattr(STDIN_FILENO, &now) != 0) return;
  before_ = now;
  cfmakeraw(&now);
  tcsetattr(STDIN_FILENO, TCSADRAIN, &now);
}

RawTerminal::~RawTerminal() {
  if (before_) tcsetattr(STDIN_FILENO, TCSADRAIN, &*before_);
}

Terminal::Terminal(const User& user) {
  shown_ = Fd(must(open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), "no terminal can be had"));
  const int unlocked = 0;
  must(ioctl(shown_.get(), TIOCSPTLCK, &unlocked), "no terminal can be had");
  used_ = Fd(must(ioctl(shown_.get(), openPeer, O_RDWR | O_NOCTTY | O_CLOEXEC), "no terminal can be had"));
  // Whoever else is mapped nowhere is root by another number.
  if (fchown(used_.get(), user.id, user.group) != 0 && errno != EINVAL) fail("the terminal's owner");
  resize();
}

void Terminal::resize() const {
  winsize size;
  if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) ioctl(shown_.get(), TIOCSWINSZ, &size);
}

bool Terminal::show() const { return copy(shown_.get(), STDOUT_FILENO); }

bool Terminal::type() { return copy(STDIN_FILENO, shown_.get()); }

void Terminal::drain() const {
  shown_.setNonBlocking();
  int waiting = 0;
  while (ioctl(shown_.get(), FIONREAD, &waiting) == 0 && waiting > 0 && show()) continue;
}

void Terminal::control() const {
  must(setsid(), "a session cannot be had");
  must(ioctl(used_.get(), TIOCSCTTY, 0), "the terminal cannot be taken");
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) must(dup2(used_.get(), fd), "the terminal");
}

}  // namespace laminix::farm
