# A program and what it needs. Any package will do.
{
  pkgs ? import <nixpkgs> { },
}:

pkgs.writeShellScriptBin "greeter" ''
  echo "Hello from the store of this system, $(id -u)."
''
