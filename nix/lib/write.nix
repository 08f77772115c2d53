# Store paths that contain a given text.
{ build }:
let
  # Building one is quicker than asking substituters for it.
  here = {
    preferLocalBuild = true;
    allowSubstitutes = false;
  };
in
{
  file =
    name: text:
    build {
      inherit name;
      attributes = here // {
        inherit text;
      };
      script = ''printf %s "$text" > "$out"'';
    };

  executable =
    name: text:
    build {
      inherit name;
      attributes = here // {
        inherit text;
      };
      script = ''
        printf %s "$text" > "$out"
        chmod +x "$out"
      '';
    };

  # A folder that a script fills.
  folder =
    name: script:
    build {
      inherit name;
      attributes = here;
      script = ''
        mkdir -p "$out"
        ${script}
      '';
    };
}
