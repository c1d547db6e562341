/* What valgrind must notice: `write`, `send`, `sendmsg` and `writev`, a byte that nobody has written leaves;
   `read`, one behind the end decides. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

int main(int argc, char **argv) {
    (void)argc;
    const char *what = argv[1];
    char *bytes = malloc(16);
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) {
        return 1;
    }
    struct iovec part = {bytes, 16};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (!strcmp(what, "write")) {
        return write(ends[0], bytes, 16) != 16;
    }
    if (!strcmp(what, "send")) {
        return send(ends[0], bytes, 16, MSG_NOSIGNAL) != 16;
    }
    if (!strcmp(what, "sendmsg")) {
        return sendmsg(ends[0], &message, MSG_NOSIGNAL) != 16;
    }
    if (!strcmp(what, "writev")) {
        return writev(ends[0], &part, 1) != 16;
    }
    memset(bytes, 0, 16);
    volatile char *end = bytes + 16;
    return !strcmp(what, "read") && *end == 'x' ? 1 : 0;
}
