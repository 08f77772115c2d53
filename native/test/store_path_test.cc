#include "daemon/store_path.h"

#include "check.h"

using namespace laminix::daemon;
using namespace laminix::test;

namespace {

const std::string hash = "0123456789abcdfghijklmnpqrsvwxyz";

}

int main() {
  return run({
      {"a hash part, a hyphen and a name are a base name",
       [] {
         check(isBaseName(hash + "-x"), "one character");
         check(isBaseName(hash + "-AZaz09+-._?="), "all kinds of characters");
         check(isBaseName(hash + "-" + std::string(211, 'x')), "the longest name");
       }},
      {"other things are not",
       [] {
         check(!isBaseName(""), "empty");
         check(!isBaseName(hash), "no name");
         check(!isBaseName(hash + "-"), "an empty name");
         check(!isBaseName(hash + "_x"), "no hyphen");
         check(!isBaseName(hash + "-" + std::string(212, 'x')), "too long a name");
         check(!isBaseName(hash + "-a/b"), "a slash");
         check(!isBaseName(hash + "-a b"), "a space");
         check(!isBaseName(hash + std::string("-a\0b", 4)), "a zero byte");
         check(!isBaseName(hash + "-\xc3\xa9"), "beyond ASCII");
         for (char c : {'e', 'o', 't', 'u', 'A'}) {
           std::string other = hash;
           other[5] = c;
           check(!isBaseName(other + "-x"), std::string("the hash character ") + c);
         }
       }},
      {"a base name is taken from a path in the store only",
       [] {
         expectEqual(baseNameIn("/nix/store", "/nix/store/" + hash + "-x"), hash + "-x", "base name");
         expectEqual(baseNameIn("/nix/store", "/nix/other/" + hash + "-x"), "", "another folder");
         expectEqual(baseNameIn("/nix/store", "/nix/storee/" + hash + "-x"), "", "a longer folder");
         expectEqual(baseNameIn("/nix/store", "/nix/store/sub/" + hash + "-x"), "", "deeper");
         expectEqual(baseNameIn("/nix/store", "/nix/store/" + hash + "-x/bin"), "", "inside");
         expectEqual(baseNameIn("/nix/store", "/nix/store"), "", "the store itself");
         expectEqual(baseNameIn("/nix/store", ""), "", "nothing");
       }},
  });
}
