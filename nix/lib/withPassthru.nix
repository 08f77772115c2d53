# A derivation with attributes that have no part in its build.
drv: passthru: meta:
drv // passthru // { inherit passthru meta; }
