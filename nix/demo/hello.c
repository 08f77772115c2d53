#include <stdio.h>

/* The two names end up in the program, where Nix finds them: that is what makes them its references. */
static const char *const files[] = {BANNER "/line", GREETING, BANNER "/line"};

int main(void) {
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    FILE *file = fopen(files[i], "r");
    if (!file) {
      perror(files[i]);
      return 1;
    }
    for (int c; (c = getc(file)) != EOF;) putchar(c);
    fclose(file);
  }
  return 0;
}
