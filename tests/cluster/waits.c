/* What runs in the containers of the tests: waits, takes in orphans, ends when asked to.  With a word: prints it. */

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int number) {
    (void)number;
    _exit(0);
}

static void reap(int number) {
    (void)number;
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
}

int main(int count, char **words) {
    if (count > 1)
        return puts(words[1]) < 0;
    struct sigaction ending = {.sa_handler = end}, reaping = {.sa_handler = reap, .sa_flags = SA_NOCLDSTOP};
    sigaction(SIGTERM, &ending, NULL);
    sigaction(SIGINT, &ending, NULL);
    sigaction(SIGCHLD, &reaping, NULL);
    puts("waiting");
    fflush(stdout);
    for (;;)
        pause();
}
