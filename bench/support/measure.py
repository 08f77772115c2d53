#!/usr/bin/env python3
"""Run a command and write to file descriptor 3 what it cost, as JSON.

    measure.py COMMAND ARGUMENT... 3>RESULT

Seconds are those of the wall clock, from just before the process is made until it has ended. A process counts its peak
memory from before its exec, so whoever starts it must be small: hence this program, and no imports that it can do without.
"""

import os
import sys
import time

start = time.monotonic()
# posix_spawn makes the process without copying this one.
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_CLOSE, 3)])
_, status, usage = os.wait4(pid, 0)
seconds = time.monotonic() - start
code = os.waitstatus_to_exitcode(status)
# Linux counts in kibibytes, macOS in bytes.
peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
os.write(
    3,
    f'{{"code": {code}, "seconds": {seconds}, "cpuSeconds": {usage.ru_utime + usage.ru_stime}, "peakBytes": {peak}}}'.encode(),
)
