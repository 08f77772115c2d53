// The sanitizers only help where they work: where processes may not be traced, the one for leaks does not.
// ctest wants this program to fail.

#include <cstdlib>

void* volatile pointer;

int main() {
  for (int i = 0; i < 10; i++) pointer = std::malloc(100);
}
