/*
 * spawn - runs commands in turn and measures each run.
 *
 *   spawn ROUNDS COMMAND... [:: COMMAND...]...
 *
 * A round runs each command once (A B A B …), so that whatever else the
 * machine does falls on all alike. Their stdout and stderr go to /dev/null.
 * For each run it prints: the command's number, wall-clock ns, CPU us (user
 * and system), peak resident KiB, exit code.
 *
 * It is small and static for a reason: the kernel counts into a child's peak
 * memory what the spawning process had, and Python's would hide hs's.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { MOST = 16 };

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t micros(struct timeval t)
{
    return (int64_t)t.tv_sec * 1000000 + t.tv_usec;
}

static int run(int number, char **argv, const posix_spawn_file_actions_t *to)
{
    struct rusage used;
    int status = 0;
    pid_t pid = 0;
    int64_t began = now();
    int code = posix_spawn(&pid, argv[0], to, NULL, argv, environ);
    if (code) {
        fprintf(stderr, "spawn: %s: %s\n", argv[0], strerror(code));
        return 1;
    }
    while (wait4(pid, &status, 0, &used) < 0)
        if (errno != EINTR)
            return 1;
    int64_t wall = now() - began;
    int ended = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    printf("%d %lld %lld %ld %d\n", number, (long long)wall,
           (long long)(micros(used.ru_utime) + micros(used.ru_stime)),
           used.ru_maxrss, ended);
    return 0;
}

int main(int argc, char **argv)
{
    char **commands[MOST] = {argv + 2};
    int count = 1;
    posix_spawn_file_actions_t to;
    if (argc < 3) {
        fputs("usage: spawn ROUNDS COMMAND... [:: COMMAND...]...\n", stderr);
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "::") != 0)
            continue;
        argv[i] = NULL;
        if (count == MOST || i + 1 == argc)
            return 2;
        commands[count++] = argv + i + 1;
    }
    posix_spawn_file_actions_init(&to);
    posix_spawn_file_actions_addopen(&to, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&to, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&to, 2, "/dev/null", O_WRONLY, 0);
    for (int round = 0; round < atoi(argv[1]); round++)
        for (int i = 0; i < count; i++)
            if (run(i, commands[i], &to))
                return 1;
    return 0;
}
