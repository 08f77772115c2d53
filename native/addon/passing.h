#pragma once

#include <napi.h>

namespace laminix::addon {

/**
 * `(from, to, length)`: passes on bytes of a file, from where it stands, to a pipe, without a copy of them
 * (splice(2)); for a tenth of a second at the most, so that whoever waits hears of other things. A promise of
 * how many have gone; of -1 where none can go: the file has ended, nobody reads the pipe, or this system
 * cannot do it.
 */
Napi::Value passFile(const Napi::CallbackInfo& info);

}  // namespace laminix::addon
