/* What newuidmap and newgidmap are for, by the name it is called by: `newuidmap PID INSIDE OUTSIDE COUNT…`, of any ids. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int count, char **arguments) {
  char path[64];
  const char *kind = strstr(arguments[0], "newgidmap") != NULL ? "gid" : "uid";
  snprintf(path, sizeof path, "/proc/%d/%s_map", atoi(arguments[1]), kind);
  FILE *map = fopen(path, "w");
  if (map == NULL) return 1;
  for (int i = 2; i + 2 < count; i += 3) fprintf(map, "%s %s %s\n", arguments[i], arguments[i + 1], arguments[i + 2]);
  return fclose(map) == 0 ? 0 : 1;
}
