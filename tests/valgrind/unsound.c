/* What valgrind must notice: `send`, a byte that nobody has written leaves; `read`, one behind the end decides. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    (void)argc;
    char *bytes = malloc(16);
    if (!strcmp(argv[1], "send")) {
        return write(STDOUT_FILENO, bytes, 16) != 16;
    }
    memset(bytes, 0, 16);
    volatile char *end = bytes + 16;
    return !strcmp(argv[1], "read") && *end == 'x' ? 1 : 0;
}
