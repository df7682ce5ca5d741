/* A primary CNI plugin as the large ones are: MEGABYTES in memory for MILLISECONDS of an ADD, and longer as long as
   there is FOLDER/wait.  What it begins is a line of FOLDER/begun, what it ends one of FOLDER/ended.  With NEXT it goes
   on as that plugin, which has what is on standard input to itself. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void note(const char *file, const char *container) {
    char line[256];
    int length = snprintf(line, sizeof line, "%s\n", container);
    int handle = open(file, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (handle < 0 || write(handle, line, (size_t)length) != length)
        exit(2);
    close(handle);
}

static int go_on(void) {
#ifdef NEXT
    execl(NEXT, NEXT, (char *)NULL);
    return 4;
#else
    return 0;
#endif
}

int main(void) {
    const char *verb = getenv("CNI_COMMAND"), *container = getenv("CNI_CONTAINERID");
    if (verb == NULL || container == NULL || strcmp(verb, "ADD") != 0)
        return go_on();
    size_t size = (size_t)MEGABYTES << 20;
    volatile char *held = malloc(size);
    if (held == NULL)
        return 3;
    for (size_t at = 0; at < size; at += 4096)
        held[at] = 1;
    note(FOLDER "/begun", container);
    while (access(FOLDER "/wait", F_OK) == 0)
        usleep(10000);
    usleep(MILLISECONDS * 1000);
    note(FOLDER "/ended", container);
#ifdef NEXT
    return go_on();
#else
    return puts("{\"cniVersion\": \"1.0.0\", \"ips\": [{\"address\": \"10.9.8.7/16\"}]}") < 0;
#endif
}
