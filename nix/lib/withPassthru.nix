# Adds attributes to a derivation that have no part in its build.
drv: passthru: meta:
drv // passthru // { inherit passthru meta; }
