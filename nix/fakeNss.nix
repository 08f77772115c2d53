# Users and groups, for programs that look up names; hosts are looked up in /etc/hosts first.
{ write }:
{
  extraPasswdLines ? [ ],
  extraGroupLines ? [ ],
}:
let
  lines = builtins.concatStringsSep "\n";
  passwd = write.file "passwd" (
    lines (
      [ "root:x:0:0:root user:/var/empty:/bin/sh" ]
      ++ extraPasswdLines
      ++ [
        "nobody:x:65534:65534:nobody:/var/empty:/bin/sh"
        ""
      ]
    )
  );
  group = write.file "group" (
    lines (
      [ "root:x:0:" ]
      ++ extraGroupLines
      ++ [
        "nobody:x:65534:"
        ""
      ]
    )
  );
in
write.folder "fake-nss" ''
  mkdir -p "$out/etc" "$out/var/empty"
  cp ${passwd} "$out/etc/passwd"
  cp ${group} "$out/etc/group"
  echo 'hosts: files dns' > "$out/etc/nsswitch.conf"
''
