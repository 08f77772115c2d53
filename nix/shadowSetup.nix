# Commands that make useradd and the like work, for runAsRoot, or for fakeRootCommands with enableFakechroot. They
# write the account files that are missing.
{ pkgs, require }:
let
  ifMissing =
    file: umask: lines:
    let
      text = builtins.concatStringsSep "" (map (line: "${line}\n") lines);
    in
    "[ -e ${file} ] || (umask ${umask} && printf %s '${text}' >${file})\n";
in
''
  export PATH=${require pkgs "shadow" "shadowSetup"}/bin:$PATH
  mkdir -p /etc/pam.d
''
+ ifMissing "/etc/passwd" "022" [ "root:x:0:0::/root:/bin/sh" ]
+ ifMissing "/etc/shadow" "077" [ "root:!x:::::::" ]
+ ifMissing "/etc/group" "022" [ "root:x:0:" ]
+ ifMissing "/etc/gshadow" "077" [ "root:x::" ]
# Rules for programs without their own: root may do everything, passwords are hashed with yescrypt.
+ ifMissing "/etc/pam.d/other" "022" [
  "auth sufficient pam_rootok.so"
  "account sufficient pam_unix.so"
  "password requisite pam_unix.so nullok yescrypt"
  "session required pam_unix.so"
]
+ ifMissing "/etc/login.defs" "022" [ ]
