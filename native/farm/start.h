#pragma once

#include "farm/description.h"

namespace laminix::farm {

/** What the first process of new namespaces does before it enters the root. */
void beginSession(bool hasNetwork);

/** Has the kernel kill this process with its parent, which may have ended already. */
void dieWithParent();

/** Becomes the command, with its environment. Standard input is /dev/null if it is closed. */
[[noreturn]] void execute(const Description& description);

/** An exit status as a shell reports it. */
int statusOf(int waited);

}  // namespace laminix::farm
